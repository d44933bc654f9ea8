"""`torch.autograd.Function`s: recorded as blocks, their backward passes checked and blamed by their lines."""

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import RecordingError
from chainrule.explain.printers import unicode

torch.manual_seed(0)
X = torch.randn(5, 3, dtype=torch.float64)
W = torch.randn(2, 3, dtype=torch.float64)
B = torch.randn(2, dtype=torch.float64)


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * (1 - y**2)


class WrongTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        dx = dy * (1 - x**2)
        return dx


class Linear(torch.autograd.Function):
    """With setup_context, a number and a text among its arguments."""

    @staticmethod
    def forward(x, w, b, scale, mode):
        out = x @ w.T * scale + b
        return out

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, w, _, scale, _ = inputs
        ctx.save_for_backward(x, w)
        ctx.scale = scale

    @staticmethod
    def backward(ctx, dout):
        x, w = ctx.saved_tensors
        dx = dout @ w * ctx.scale
        dw = dout.T @ x * ctx.scale
        db = dout.sum(0)
        return dx, dw, db, None, None


class MeanLinear(Linear):
    @staticmethod
    def backward(ctx, dout):
        x, w = ctx.saved_tensors
        dx = dout @ w * ctx.scale
        dw = dout.T @ x * ctx.scale
        db = dout.mean(0)
        return dx, dw, db, None, None


class Split(torch.autograd.Function):
    """Two results, and one without a gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        sign = (x > 0).long()
        ctx.mark_non_differentiable(sign)
        return x.exp(), sign, x**2

    @staticmethod
    def backward(ctx, de, _, ds):
        (x,) = ctx.saved_tensors
        return de * x.exp() + ds * 2 * x


class Constant(torch.autograd.Function):
    """Its backward pass has no derivative of its own: it uses what forward has computed."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(2 * x)
        return x**2

    @staticmethod
    def backward(ctx, dz):
        (slope,) = ctx.saved_tensors
        return dz * slope


tanh = Tanh.apply  # most people keep it under a name


def gradient_of(explanation, name):
    return next(g.value for g in explanation.gradients if unicode(g.name) == f"∂L/∂{name}")


def test_a_function_is_a_block_with_its_own_gradient():
    explanation = cr.explain(lambda x: torch.sum(tanh(x) ** 2))(X)
    assert "Tanh" in [step.block for step in explanation.forward]
    x = X.clone().requires_grad_()
    torch.sum(tanh(x) ** 2).backward()
    np.testing.assert_allclose(gradient_of(explanation, "x"), x.grad)


class Net(torch.nn.Module):
    def __init__(self, linear=Linear, activation=tanh):
        super().__init__()
        self.w, self.b = torch.nn.Parameter(W.clone()), torch.nn.Parameter(B.clone())
        self.linear, self.activation = linear, activation

    def forward(self, x):
        h = self.linear.apply(x, self.w, self.b, 2.0, "fast")
        return self.activation(h).sum()


def test_a_module_lists_its_functions_with_their_verdicts():
    report = cr.check(Net())(X)
    assert report.ok, report
    assert [f.title for f in report.functions] == ["Linear(x, w, b)", "Tanh(x)"]
    notes = [note.split("\n")[0] for note in report.notes if "`backward` is" in note]
    assert notes == ["Linear(x, w, b): `backward` is right.", "Tanh(x): `backward` is right."]


def test_a_wrong_backward_is_blamed_by_its_line():
    report = cr.check(Net(MeanLinear))(X)
    assert not report.ok
    assert report.blame.block == "MeanLinear"
    (mistake,) = report.mistakes
    assert mistake.line.text == "db = dout.mean(0)"
    assert mistake.diagnosis == "exactly 5 times too small (5 is the length of axis 0 of x)"
    assert any(note.startswith("MeanLinear(x, w, b): `backward` is WRONG.") for note in report.notes)
    assert any(note.startswith("Tanh(x): `backward` is right.") for note in report.notes)


@pytest.mark.parametrize("which", [lambda f: f, lambda f: f.apply])
def test_a_function_is_checked_by_itself(which):
    assert cr.check(which(Tanh))(X).ok
    report = cr.check(which(WrongTanh))(X)
    (mistake,) = report.mistakes
    assert mistake.line.text == "dx = dy * (1 - x**2)"
    assert mistake.diagnosis == "the derivative of tanh has its input x in the place of its output y"
    assert cr.check(which(Linear))(X, W, B, 2.0, "fast").ok
    assert cr.check(which(Split))(X).ok


def test_a_function_takes_arrays_too():
    assert cr.check(Tanh.apply)(X.numpy()).ok
    report = cr.check(MeanLinear.apply, argnums="b")(X, W, B, 1.0, "")
    assert {c.label for c in report.comparisons if not c.ok} == {"b"}


def test_several_results_and_one_without_a_gradient():
    def f(x):
        e, sign, s = Split.apply(x)
        return torch.sum(e * sign + torch.sin(s))

    report = cr.check(f)(X)
    assert report.ok, report


def test_functions_in_single_precision_pass_the_check():
    assert cr.check(Net().float())(X.float()).ok
    assert cr.check(Tanh.apply)(X.float()).ok


def test_a_function_with_random_numbers_draws_the_same_ones():
    class Noise(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            mask = (torch.rand_like(x) > 0.5).to(x.dtype)
            ctx.save_for_backward(mask)
            return x * mask

        @staticmethod
        def backward(ctx, dy):
            (mask,) = ctx.saved_tensors
            return dy * mask

    report = cr.check(lambda x: torch.sum(Noise.apply(x) ** 2))(X)
    assert report.ok, report


def test_an_argument_that_is_returned_is_not_confused_with_the_result():
    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, dz):
            return -dz

    x = X.clone().requires_grad_()
    torch.sum(x * Reversed.apply(x)).backward()
    explanation = cr.explain(lambda x: torch.sum(x * Reversed.apply(x)))(X)
    np.testing.assert_allclose(gradient_of(explanation, "x"), x.grad, atol=1e-12)


def test_a_function_that_writes_into_its_argument_is_refused():
    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, dz):
            return 2 * dz

    with pytest.raises(RecordingError, match="which writes into its argument"):
        cr.explain(lambda x: torch.sum(InPlace.apply(x * 1.0)))(X)


def test_a_wrong_second_derivative_is_told():
    report = cr.check(Constant.apply)(X)
    assert report.ok
    assert any(note.startswith("Second derivative: that of Constant by x is wrong") for note in report.notes)
    assert not any("Second derivative" in note for note in cr.check(Tanh.apply)(X).notes)


def test_vmap_is_checked():
    class Mapped(Linear):
        @staticmethod
        def vmap(info, in_dims, x, w, b, scale, mode):
            out = torch.einsum("nbi,noi->nbo", x, w) * scale + b[:, None]
            return out, 0

    class Wrong(Linear):
        @staticmethod
        def vmap(info, in_dims, x, w, b, scale, mode):
            return torch.einsum("nbi,noi->nbo", x, w) + b[:, None], 0

    assert cr.check(Mapped)(X, W, B, 2.0, "").ok
    report = cr.check(Wrong)(X, W, B, 2.0, "")
    assert not report.ok
    assert "vmap of Wrong does not give what its calls one by one give" in report.findings[0]


def test_functions_are_as_they_were_afterwards():
    before = vars(Tanh)["forward"], vars(Linear)["forward"]
    cr.check(Net())(X)
    assert (vars(Tanh)["forward"], vars(Linear)["forward"]) == before
    x = X.clone().requires_grad_()
    assert torch.autograd.gradcheck(tanh, (x,))


def test_a_forward_pass_that_leaves_pytorch_is_checked_as_a_whole():
    class Outside(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx, dz):
            (x,) = ctx.saved_tensors
            return dz * torch.cos(x)

    report = cr.check(lambda x: torch.sum(Outside.apply(x) ** 2))(X)
    assert report.ok, report
    assert any("not known: its forward pass cannot be followed" in note for note in report.notes)


def test_a_mistake_in_one_of_several_functions_is_told_with_its_name():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dz):
            (x,) = ctx.saved_tensors
            dx = 2 * x**2 * dz
            return dx

    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx, dz):
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x)
            ds = s * (1 + s)
            return dz * (s + x * ds)

    x = torch.tensor([0.3, -0.5, 1.2], dtype=torch.float64)
    report = cr.check(lambda x: Swish.apply(Cube.apply(x)).sum())(x)
    of_each = {m.function: m.line.text for m in report.mistakes}
    assert of_each == {"Cube": "dx = 2 * x**2 * dz", "Swish": "ds = s * (1 + s)"}
    assert all(str(mistake) in report.findings for mistake in report.mistakes)
    for name in of_each:
        assert any(text.startswith(f"In `backward` of {name}: The gradient") for text in report.findings)
    alone = cr.check(Cube.apply)(x)
    assert alone.mistakes[0].function == ""
    assert not any("In `backward`" in text for text in alone.findings)
