import torch
from torchvision.ops import sigmoid_focal_loss as reference

from glip_pl.losses.focal import sigmoid_focal_loss


def test_agrees_with_torchvision_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(50, 9) * 6).requires_grad_()
    targets = (torch.rand(50, 9) > 0.8).float()
    ours = sigmoid_focal_loss(logits, targets)
    theirs = reference(logits, targets, alpha=0.25, gamma=2.0)
    torch.testing.assert_close(ours, theirs)
    for gradient, reference_gradient in zip(
        torch.autograd.grad(ours.sum(), logits),
        torch.autograd.grad(theirs.sum(), logits),
        strict=True,
    ):
        torch.testing.assert_close(gradient, reference_gradient, rtol=1e-4, atol=1e-6)


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([-1e4, 1e4, -1e4, 1e4], requires_grad=True)
    loss = sigmoid_focal_loss(logits, torch.tensor([0.0, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def test_the_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(4, 5, dtype=torch.float64) * 3).requires_grad_()
    targets = (torch.rand(4, 5) > 0.5).double()
    assert torch.autograd.gradcheck(lambda given: sigmoid_focal_loss(given, targets), logits)


def test_one_tensor_is_kept_for_the_backward_pass_and_none_without_one() -> None:
    targets = torch.zeros(4, 5)
    for needs_gradient in (True, False):
        kept: list[torch.Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
            sigmoid_focal_loss(torch.randn(4, 5, requires_grad=needs_gradient), targets)
        assert len(kept) == int(needs_gradient)
