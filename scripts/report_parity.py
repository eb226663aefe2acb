"""How far our numbers are from the recorded official ones: `python -m scripts.report_parity`.

The recordings are those of tests/parity (GLIP_PL_PARITY_DIR names others).
"""

from glip_pl.checkpoints import official
from tests.parity.cases import folder, listed
from tests.parity.stages import match, pair, relative, run
from tests.parity.test_inference import INPUTS
from tests.parity.test_training import NOISY_GRADIENT, ZERO_GRADIENT, Step, take


def inference(name: str) -> str:
    """A case's worst stage, and its detections."""
    case, stages, found = run(name)
    mask = case.batch().attention_mask
    errors, multiples = {}, {}
    for stage in case.tensors:
        if stage.startswith(INPUTS):
            continue
        ours, theirs = pair(stage, stages[stage], case, mask)
        errors[stage] = relative(ours, theirs)
        noise = case.about["precision"].get(stage, {}).get("f32_vs_f64")
        if noise:
            multiples[stage] = float((ours - theirs).abs().max()) / noise
    worst, noisiest = max(errors, key=errors.__getitem__), max(multiples, key=multiples.__getitem__)
    unmatched = [
        match(one, *(case.tensors[f"det{index}_{part}"] for part in ("boxes", "scores", "labels")))
        for index, one in enumerate(found)
    ]
    return (
        f"{len(errors):3d} stages, worst {errors[worst]:.1e} ({worst}), "
        f"{multiples[noisiest]:.1f} times the noise ({noisiest}); "
        f"{sum(map(len, found))} detections, {sum(unmatched)} without a partner"
    )


def training(name: str) -> str:
    """A case's worst loss and gradient norms."""
    one: Step = take(name)
    about = one.case.about
    terms = {
        "loss_dot_product_token": one.terms.alignment,
        "loss_reg": one.terms.box,
        "loss_centerness": one.terms.centerness,
    }
    loss = max(abs(float(ours.detach()) / about["losses"][key] - 1) for key, ours in terms.items())
    norms = {
        key: abs(float(one.gradients[key].norm()) / norm - 1)
        for key, norm in about["grad_norms"].items()
        if not official.dropped(key)
        and norm > 1e-4 * about["total_grad_norm"]
        and not key.endswith(ZERO_GRADIENT)
    }
    plain = {key: value for key, value in norms.items() if not key.endswith(NOISY_GRADIENT)}
    worst, noisy = max(plain.values()), max(norms.values())
    return (
        f"losses {loss:.1e}, {len(norms)} gradient norms {worst:.1e} "
        f"({noisy:.1e} with the scale attention's biases)"
    )


if __name__ == "__main__":
    print(f"recordings in {folder().name}; relative differences, the worst of each case")
    for case_name in listed(training=False):
        print(f"{case_name:16s} {inference(case_name)}", flush=True)
    for case_name in listed(training=True):
        print(f"{case_name:16s} {training(case_name)}", flush=True)
