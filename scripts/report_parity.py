"""How far this package's results are from those of the official code.

    python -m scripts.report_parity

Compares with the recorded outputs that tests/parity uses; GLIP_PL_PARITY_DIR names another folder
of recordings.
"""

from glip_pl.checkpoints import official
from tests.parity.cases import folder, listed
from tests.parity.stages import match, pair, relative, run
from tests.parity.test_inference import INPUTS
from tests.parity.test_training import NOISY_GRADIENT, ZERO_GRADIENT, Step, take


def inference(name: str) -> str:
    """The largest error of a case over all stages of the model, and its detections."""
    case, stages, detections_of_images = run(name)
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
    unmatched = 0
    for index, detections in enumerate(detections_of_images):
        fields = ("boxes", "scores", "labels")
        recorded = [case.tensors[f"det{index}_{field}"] for field in fields]
        unmatched += match(detections, *recorded)
    return (
        f"{len(errors):3d} stages, worst {errors[worst]:.1e} ({worst}), "
        f"{multiples[noisiest]:.1f} times the noise ({noisiest}); "
        f"{sum(map(len, detections_of_images))} detections, {unmatched} without a partner"
    )


def training(name: str) -> str:
    """The largest errors of a case's losses and gradient norms."""
    step: Step = take(name)
    about = step.case.about
    terms = {
        "loss_dot_product_token": step.terms.alignment,
        "loss_reg": step.terms.box,
        "loss_centerness": step.terms.centerness,
    }
    loss = max(abs(float(ours.detach()) / about["losses"][key] - 1) for key, ours in terms.items())
    norms = {
        key: abs(float(step.gradients[key].norm()) / norm - 1)
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
