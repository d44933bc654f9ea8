"""Each operator of the table by itself: value and gradients against PyTorch's own autograd."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import RecordingError
from chainrule.pytorch import network_of, recorder
from chainrule.pytorch.operators import OPERATORS
from chainrule.recording import record_call

RNG = torch.Generator().manual_seed(0)


def normal(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=RNG, dtype=dtype)


def positive(*shape):
    return normal(*shape).abs() + 0.1


def inside(*shape):
    return normal(*shape).tanh() * 0.9


def spd(n):
    a = normal(n, n)
    return a @ a.T + torch.eye(n, dtype=a.dtype)


def weighted(f):
    """All floating results of f as one loss, with fixed weights, so that each entry counts by itself."""

    def loss(*args):
        results = f(*args)
        results = results if isinstance(results, tuple | list) else [results]
        total = 0.0
        for i, z in enumerate(results):
            if z.is_floating_point() and z.numel():
                weights = torch.linspace(0.5 + i, 1.7 + i, z.numel(), dtype=z.dtype).reshape(z.shape)
                total = total + (z * weights).sum()
        return total

    return loss


def gradients_by_chainrule(loss, args):
    network = network_of(loss, args, {})
    recording = record_call(network, tuple(enumerate(network.names)), tuple(network.values), {})
    return recording.outputs[0].value, recording.pull([np.float64(1.0).astype(recording.outputs[0].dtype)])


def assert_as_pytorch(f, args, tolerance=1e-11):
    loss = weighted(f)
    value, ours = gradients_by_chainrule(loss, args)
    leaves = [a.clone().requires_grad_() if a.is_floating_point() else a for a in args]
    expected = loss(*leaves)
    np.testing.assert_allclose(value, expected.item(), rtol=tolerance, atol=tolerance)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    theirs = torch.autograd.grad(expected, wanted, allow_unused=True)
    for g, t, leaf in zip(ours, theirs, wanted, strict=True):
        t = torch.zeros_like(leaf) if t is None else t
        assert g.dtype == t.numpy().dtype
        np.testing.assert_allclose(g, t.numpy(), rtol=tolerance, atol=tolerance * max(1.0, t.abs().max().item()))


@pytest.fixture
def used(monkeypatch):
    """The keys of the table that were looked up with success."""
    found = set()
    original = recorder.rule_for

    def spy(func):
        rule = original(func)
        if rule is not None:
            name = func._schema.name.split("::")[1]
            for n in (name, name.removesuffix("_")):
                found.update({n, f"{n}.{func._overloadname}"})
        return rule

    monkeypatch.setattr(recorder, "rule_for", spy)
    return found


aten = torch.ops.aten
X, Y = normal(3, 4), normal(3, 4)
V = normal(5)
IMAGE = normal(2, 4, 6, 6)
TIED = torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([1, 0, 3])
SCORES = normal(3, 4)
PIXELS = torch.randint(0, 4, (2, 6, 6), generator=RNG)

CASES = [
    *[(name, getattr(torch, name), [X]) for name in "abs neg exp exp2 expm1 square sin cos sinh cosh tanh asinh".split()],
    *[(name, getattr(torch, name), [X]) for name in "erf erfc sign floor ceil trunc frac atan".split()],
    *[(name, getattr(torch, name), [positive(3, 4)]) for name in "log log1p log2 log10 sqrt rsqrt reciprocal".split()],
    *[(name, getattr(torch, name), [inside(3, 4)]) for name in "tan asin acos atanh erfinv".split()],
    *[(name, getattr(torch, name), [positive(3, 4)]) for name in "lgamma digamma".split()],
    ("acosh", torch.acosh, [1.1 + positive(3)]),
    ("round", lambda x: torch.round(x, decimals=1) + torch.round(x), [X]),
    ("nan_to_num", lambda x: torch.nan_to_num(x + torch.tensor([1.0, torch.inf, -torch.inf, torch.nan]), posinf=3.0), [X]),
    *[(name, getattr(F, name), [2 * X]) for name in "relu relu6 selu silu mish hardsigmoid hardswish".split()],
    ("gelu", lambda x: F.gelu(x) + F.gelu(x, approximate="tanh"), [X]),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [X]),
    ("prelu", F.prelu, [normal(2, 3, 4), normal(3)]),
    ("elu", lambda x: F.elu(x, 0.7), [X]),
    ("elu", lambda x: aten.elu(x, 0.7, 1.3, 0.8), [X]),
    ("celu", lambda x: F.celu(x, 0.5), [X]),
    ("sigmoid", torch.sigmoid, [X]),
    ("log_sigmoid", F.logsigmoid, [X]),
    ("softplus", lambda x: F.softplus(x, 2.0, 1.5), [X]),
    ("softplus", F.softplus, [30 * X]),
    ("hardtanh", lambda x: F.hardtanh(x, -0.5, 0.7), [X]),
    ("softshrink", lambda x: F.softshrink(x, 0.3), [X]),
    ("hardshrink", lambda x: F.hardshrink(x, 0.3), [X]),
    ("threshold", lambda x: F.threshold(x, 0.1, 5.0), [X]),
    ("glu", lambda x: F.glu(x, 1), [X]),
    ("softmax", lambda x: x.softmax(0), [X]),
    ("_softmax", lambda x: aten._softmax(x, 0, False), [X]),
    ("log_softmax", lambda x: x.log_softmax(-1), [X]),
    ("_log_softmax", lambda x: aten._log_softmax(x, 1, False), [X]),
    ("add", lambda x, y: torch.add(x, y, alpha=3) + 2 + x, [X, Y]),
    ("sub", lambda x, y: torch.sub(x, y, alpha=3) - 2, [X, normal(4)]),
    ("rsub", lambda x: 2 - x + torch.rsub(x, 3.0, alpha=2), [X]),
    ("mul", lambda x, y: 2 * x * y, [X, normal(3, 1)]),
    ("div", lambda x, y: x / y + 1 / y, [X, positive(4)]),
    ("div", lambda x, y: x.div(y, rounding_mode="floor") + x.div(y, rounding_mode="trunc") + x, [X, positive(4)]),
    ("pow", lambda x, y: x**y + x**3 + 2**y, [positive(3, 4), Y]),
    ("remainder", lambda x, y: x % y + x % 2, [X, positive(3, 4)]),
    ("fmod", lambda x, y: torch.fmod(x, y), [X, positive(3, 4)]),
    *[(n, getattr(torch, n), [X, Y]) for n in "maximum minimum fmax fmin atan2 hypot logaddexp logaddexp2 copysign".split()],
    ("maximum", torch.maximum, [TIED, TIED.flip(1)]),
    ("xlogy", lambda x, y: torch.xlogy(x, y) + torch.xlogy(2.0, y), [X, positive(3, 4)]),
    ("special_xlog1py", torch.special.xlog1py, [X, positive(3, 4)]),
    ("where", lambda x, y: torch.where(x > y, x, y) + torch.where(x > 0, x, 0.0), [X, Y]),
    ("masked_fill", lambda x: x.masked_fill(x > 0, 2.0), [X]),
    ("lerp", lambda x, y: torch.lerp(x, y, 0.3) + torch.lerp(x, y, x), [X, Y]),
    ("addcmul", lambda x, y: torch.addcmul(x, x, y, value=0.5) + torch.addcmul(x, y, y), [X, Y]),
    ("addcdiv", lambda x, y: torch.addcdiv(x, x, y, value=0.5) + torch.addcdiv(x, y, y), [X, positive(3, 4)]),
    ("clamp", lambda x, y: x.clamp(-0.5, 0.5) + x.clamp(min=y) + y.clamp(max=1.0), [X, Y]),
    ("clamp_min", lambda x: x.clamp_min(0.1), [X]),
    ("clamp_max", lambda x: x.clamp_max(0.1), [X]),
    ("sum", lambda x: (x.sum(), x.sum(1), x.sum((0, 2), keepdim=True), x.sum(-1, dtype=torch.float64)), [normal(2, 3, 4)]),
    ("mean", lambda x: (x.mean(), x.mean(1), x.mean((0, 2), keepdim=True)), [normal(2, 3, 4)]),
    ("prod", lambda x: (x.prod(), x.prod(1), x.prod(0, keepdim=True)), [X]),
    ("amax", lambda x: (x.amax(), x.amax(1), x.amax((0, 1), keepdim=True)), [TIED]),
    ("amin", lambda x: (x.amin(), x.amin(1)), [TIED]),
    ("max.default", lambda x: x.max(), [TIED]),
    ("min.default", lambda x: x.min(), [TIED]),
    ("max.other", torch.max, [X, Y]),
    ("min.other", torch.min, [X, Y]),
    ("max.dim", lambda x: (x.max(1)[0], x.max(0, keepdim=True)[0]), [TIED]),
    ("min.dim", lambda x: x.min(1)[0], [TIED]),
    ("median.dim", lambda x: (x.median(1)[0], x.median(0, keepdim=True)[0]), [X]),
    ("mode", lambda x: x.mode(1)[0], [TIED]),
    ("cummax", lambda x: x.cummax(1)[0], [TIED]),
    ("cummin", lambda x: x.cummin(0)[0], [TIED]),
    ("sort", lambda x: (x.sort()[0], x.sort(0, descending=True)[0], x.sort(stable=True, dim=1)[0]), [X]),
    ("topk", lambda x: (x.topk(2)[0], x.topk(2, 0, largest=False)[0]), [X]),
    ("kthvalue", lambda x: (x.kthvalue(2)[0], x.kthvalue(2, 0, keepdim=True)[0]), [X]),
    ("var", lambda x: (x.var(), x.var(1), x.var((0, 1), unbiased=False), x.var(0, correction=2, keepdim=True)), [X]),
    ("var", lambda x: x.var(False), [X]),
    ("std", lambda x: (x.std(), x.std(1), x.std(0, correction=0)), [X]),
    ("var_mean", lambda x: (*torch.var_mean(x, 1), *torch.var_mean(x)), [X]),
    ("std_mean", lambda x: torch.std_mean(x, 1, keepdim=True), [X]),
    ("logsumexp", lambda x: (x.logsumexp(1), x.logsumexp((0, 1), keepdim=True)), [X]),
    ("linalg_vector_norm", lambda x: (x.norm(), x.norm(dim=1), torch.linalg.vector_norm(x, 3, (0, 1))), [X]),
    ("cumsum", lambda x: x.cumsum(1), [X]),
    ("cumprod", lambda x: x.cumprod(0), [X]),
    ("linear", lambda x, w, b: F.linear(x, w, b) + F.linear(x, w), [normal(2, 3, 4), normal(5, 4), normal(5)]),
    ("bilinear", F.bilinear, [normal(3, 4), normal(3, 5), normal(2, 4, 5), normal(2)]),
    ("matmul", lambda x, y, v: ((x @ y), y @ v), [normal(2, 3, 4), normal(4, 5), V]),
    ("mm", torch.mm, [X, normal(4, 2)]),
    ("bmm", torch.bmm, [normal(2, 3, 4), normal(2, 4, 5)]),
    ("mv", torch.mv, [X, normal(4)]),
    ("dot", torch.dot, [V, normal(5)]),
    ("vdot", torch.vdot, [V, normal(5)]),
    ("inner", torch.inner, [X, normal(2, 4)]),
    ("outer", torch.outer, [V, normal(3)]),
    ("kron", torch.kron, [X, normal(2, 2)]),
    ("einsum", lambda x, y: torch.einsum("b i j, b j k -> i b", x, y), [normal(2, 3, 4), normal(2, 4, 5)]),
    ("einsum", lambda x, y: torch.einsum("...ij,...j", x, y), [normal(2, 3, 4), normal(2, 4)]),
    ("tensordot", lambda x, y: torch.tensordot(x, y, dims=([1, 2], [1, 0])), [normal(2, 3, 4), normal(4, 3, 2)]),
    ("addmm", lambda b, x, y: torch.addmm(b, x, y, beta=2, alpha=3) + torch.addmm(b, x, y), [normal(2), X, normal(4, 2)]),
    ("baddbmm", lambda b, x, y: torch.baddbmm(b, x, y, beta=0), [normal(2, 3, 5), normal(2, 3, 4), normal(2, 4, 5)]),
    ("addmv", torch.addmv, [normal(3), X, normal(4)]),
    ("addr", lambda b, x, y: torch.addr(b, x, y, alpha=2), [X, normal(3), normal(4)]),
    ("trace", torch.trace, [X]),
    ("linalg_inv", torch.linalg.inv, [spd(3)]),
    ("inverse", torch.inverse, [spd(3)]),
    ("linalg_det", torch.linalg.det, [spd(3)]),
    ("det", torch.det, [spd(3)]),
    ("linalg_slogdet", torch.linalg.slogdet, [spd(3)]),
    ("slogdet", torch.slogdet, [spd(3)]),
    ("linalg_solve", lambda a, b, v: (torch.linalg.solve(a, b), torch.linalg.solve(a, v)), [spd(3), X, normal(3)]),
    ("linalg_cholesky", lambda a: torch.linalg.cholesky(a @ a.T) + torch.linalg.cholesky(a @ a.T, upper=True), [normal(3, 3) + 3 * torch.eye(3)]),
    ("view", lambda x: x.view(2, -1), [X]),
    ("_unsafe_view", lambda x: aten._unsafe_view(x, [4, 3]), [X]),
    ("reshape", lambda x: x.T.reshape(2, 6) * x.reshape(2, 6), [X]),
    ("view_as", lambda x, y: x.view_as(y) * y, [X, normal(2, 6)]),
    ("reshape_as", lambda x, y: x.reshape_as(y) * y, [X, normal(2, 6)]),
    ("flatten", lambda x: (x.flatten(), x.flatten(1), x.flatten(0, 1)), [normal(2, 3, 4)]),
    ("ravel", torch.ravel, [X]),
    ("unflatten", lambda x: x.unflatten(1, (2, -1)), [X]),
    ("squeeze", lambda x: (x.squeeze(), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2))), [normal(1, 3, 1, 2)]),
    ("unsqueeze", lambda x: x.unsqueeze(1) * x.unsqueeze(-1).transpose(1, 2), [X]),
    ("permute", lambda x: x.permute(2, 0, 1), [normal(2, 3, 4)]),
    ("transpose", lambda x: x.transpose(0, -1), [normal(2, 3, 4)]),
    ("swapaxes", lambda x: x.swapaxes(0, -1), [normal(2, 3, 4)]),
    ("t", lambda x: x.t(), [X]),
    ("numpy_T", lambda x: x.T, [X]),
    ("mT", lambda x: x.mT, [normal(2, 3, 4)]),
    ("movedim", lambda x: x.movedim(0, 2) * x.movedim((1, 2), (0, 1)), [normal(2, 2, 2)]),
    ("expand", lambda x: x.expand(2, -1, 4), [normal(3, 1)]),
    ("expand_as", lambda x, y: x.expand_as(y) * y, [normal(3, 1), X]),
    ("broadcast_to", lambda x: torch.broadcast_to(x, (2, 3, 4)), [normal(3, 1)]),
    ("cat", lambda x, y: torch.cat([x, y, torch.empty(0)], 1), [X, normal(3, 2)]),
    ("concat", lambda x, y: torch.concat([x, y], 0), [X, Y]),
    ("stack", lambda x, y: torch.stack([x, y], -1), [X, Y]),
    ("split", lambda x: x.split(3, 1), [X]),
    ("split_with_sizes", lambda x: x.split([1, 3], 1), [X]),
    ("chunk", lambda x: x.chunk(3, -1), [normal(2, 7)]),
    ("unbind", lambda x: x.unbind(1), [X]),
    ("flip", lambda x: x.flip(0, 1), [X]),
    ("roll", lambda x: x.roll(1) + x.roll((1, 2), (0, 1)), [X]),
    ("repeat", lambda x: x.repeat(2, 1, 3), [X]),
    ("tril", lambda x: x.tril(-1), [X]),
    ("triu", lambda x: x.triu(1), [X]),
    ("diagonal", lambda x: x.diagonal(1, 0, 2), [normal(3, 2, 4)]),
    ("pad", lambda x: F.pad(x, (1, 2), value=0.5) + F.pad(x, (2, 1)), [X]),
    ("pad", lambda x: F.pad(x, (1, -1, -2, 1)), [IMAGE]),
    ("pad", lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect") + F.pad(x, (2, 1, 1, 2), mode="replicate"), [IMAGE]),
    ("pad", lambda x: F.pad(x, (1, 2, 2, 1), mode="circular"), [IMAGE]),
    ("constant_pad_nd", lambda x: aten.constant_pad_nd(x, [1, 0, 0, 2], 3.0), [X]),
    ("unfold", lambda x: x.unfold(1, 3, 2), [normal(2, 7)]),
    ("clone", lambda x: x.clone().mul_(2) * x, [X]),
    ("contiguous", lambda x: x.T.contiguous().mul_(2) * x.T, [X]),
    ("alias", lambda x: aten.alias(x), [X]),
    ("lift_fresh", lambda x: aten.lift_fresh(x), [X]),
    ("detach", lambda x: x.detach() * x, [X]),
    ("_to_copy", lambda x: x.float().double() * x + x.to(torch.float64), [X]),
    ("select", lambda x: x[1] * x.select(0, -1), [X]),
    ("slice", lambda x: x[:, 1:-1] * x[:, ::2] * x[0:9, 2:], [X]),
    ("narrow", lambda x: x.narrow(1, 1, 2) * x.narrow(1, -2, 2), [X]),
    ("index", lambda x: (x[torch.tensor([2, 0, 2])], x[x > 0], x[:, torch.tensor([1, 1])]), [X]),
    ("index", lambda x: x[torch.tensor([[0], [1]]), :, torch.tensor([1, 0])], [normal(2, 3, 4)]),
    ("index_select", lambda x: x.index_select(1, torch.tensor([1, 1, 0])), [X]),
    ("take", lambda x: x.take(torch.tensor([[0, 5], [5, 11]])), [X]),
    ("gather", lambda x: x.gather(1, torch.tensor([[0, 1], [3, 3]])), [X]),
    ("masked_select", lambda x: x.masked_select(torch.tensor([True, False, True, True])), [X]),
    ("index_put", lambda x, v: x.index_put((torch.tensor([0, 2]),), v), [X, normal(2, 4)]),
    ("index_put", lambda x, v: x.index_put((torch.tensor([0, 0]),), v, accumulate=True), [X, normal(2, 4)]),
    ("scatter", lambda x, y: x.scatter(1, torch.tensor([[0, 2], [1, 3]]), y), [X, normal(2, 2)]),
    ("scatter", lambda x: x.scatter(1, torch.tensor([[0, 2], [1, 3]]), 2.0), [X]),
    ("scatter_add", lambda x, y: x.scatter_add(0, torch.tensor([[0, 2], [0, 0]]), y), [X, normal(2, 2)]),
    ("index_add", lambda x, y: x.index_add(1, torch.tensor([0, 0]), y, alpha=2), [X, normal(3, 2)]),
    ("index_copy", lambda x, y: x.index_copy(1, torch.tensor([3, 0]), y), [X, normal(3, 2)]),
    ("select_scatter", lambda x, y: x.select_scatter(y, 1, 2), [X, normal(3)]),
    ("slice_scatter", lambda x, y: x.slice_scatter(y, 1, 1, 4, 2), [X, normal(3, 2)]),
    ("copy", lambda x, y: (x * 1).copy_(y[0]) * x, [X, Y]),
    ("fill", lambda x: (x * 1)[0].fill_(2.0) * x, [X]),
    ("zero", lambda x: (x * 1).zero_() + x, [X]),
    ("conv1d", lambda x, w, b: F.conv1d(x, w, b, 2, 1), [normal(2, 3, 7), normal(4, 3, 3), normal(4)]),
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b, (2, 1), (0, 1), (1, 2), 2), [IMAGE, normal(6, 2, 3, 2), normal(6)]),
    ("conv2d", lambda x, w: F.conv2d(x, w, padding="same"), [IMAGE, normal(2, 4, 3, 5)]),
    ("conv3d", lambda x, w: F.conv3d(x, w), [normal(1, 2, 3, 3, 3), normal(2, 2, 2, 2, 2)]),
    ("conv_transpose1d", lambda x, w: F.conv_transpose1d(x, w, None, 2, 1, 1), [normal(2, 3, 4), normal(3, 2, 3)]),
    ("conv_transpose2d", lambda x, w, b: F.conv_transpose2d(x, w, b, 2), [IMAGE, normal(4, 3, 2, 2), normal(3)]),
    ("conv_transpose3d", lambda x, w: F.conv_transpose3d(x, w), [normal(1, 2, 2, 2, 2), normal(2, 1, 2, 2, 2)]),
    ("convolution", lambda x, w: aten.convolution(x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1), [IMAGE, normal(2, 4, 3, 3)]),
    ("convolution", lambda x, w: aten.convolution(x, w, None, [2, 2], [0, 0], [1, 1], True, [1, 1], 1), [IMAGE, normal(4, 2, 3, 3)]),
    ("batch_norm", lambda x, w, b: F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), w, b, training=True), [IMAGE, normal(4), normal(4)]),
    ("batch_norm", lambda x, w, b: F.batch_norm(x, torch.arange(4.0).double(), torch.arange(1.0, 5.0).double(), w, b), [IMAGE, normal(4), normal(4)]),
    ("instance_norm", lambda x, w, b: F.instance_norm(x, None, None, w, b), [IMAGE, normal(4), normal(4)]),
    ("instance_norm", lambda x: F.instance_norm(x, torch.arange(4.0).double(), torch.arange(1.0, 5.0).double(), use_input_stats=False), [IMAGE]),
    ("layer_norm", lambda x, w, b: F.layer_norm(x, (3, 4), w, b, 1e-3), [normal(2, 3, 4), X, Y]),
    ("native_layer_norm", lambda x, w, b: aten.native_layer_norm(x, [4], w, b, 1e-3)[0], [X, normal(4), normal(4)]),
    ("rms_norm", lambda x, w: F.rms_norm(x, (4,), w), [X, normal(4)]),
    ("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), [IMAGE, normal(4), normal(4)]),
    ("max_pool1d", lambda x: F.max_pool1d(x, 3, 2, 1), [normal(2, 3, 8)]),
    ("max_pool2d", lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), [IMAGE]),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), [IMAGE.round()]),
    ("max_pool3d", lambda x: F.max_pool3d(x, 2), [normal(1, 2, 4, 4, 4)]),
    ("max_pool1d_with_indices", lambda x: F.max_pool1d(x, 2, return_indices=True), [normal(2, 3, 8)]),
    ("max_pool2d_with_indices", lambda x: F.max_pool2d(x, 2, return_indices=True), [IMAGE]),
    ("max_pool3d_with_indices", lambda x: F.max_pool3d(x, 2, return_indices=True), [normal(1, 2, 4, 4, 4)]),
    ("avg_pool1d", lambda x: F.avg_pool1d(x, 3, 2, 1), [normal(2, 3, 8)]),
    ("avg_pool2d", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) + F.avg_pool2d(x, 3, 2, 1, divisor_override=5), [IMAGE]),
    ("avg_pool3d", lambda x: F.avg_pool3d(x, 2), [normal(1, 2, 4, 4, 4)]),
    ("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x, 3), [normal(2, 3, 7)]),
    ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (None, 4)), [IMAGE]),
    ("adaptive_avg_pool3d", lambda x: F.adaptive_avg_pool3d(x, 1), [normal(1, 2, 4, 4, 4)]),
    ("adaptive_max_pool1d", lambda x: F.adaptive_max_pool1d(x, 3), [normal(2, 3, 7)]),
    ("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, 4), [IMAGE]),
    ("adaptive_max_pool3d", lambda x: F.adaptive_max_pool3d(x, 2), [normal(1, 2, 4, 5, 4)]),
    ("embedding", lambda w: F.embedding(torch.tensor([[0, 2], [2, 1]]), w, padding_idx=0), [X]),
    ("embedding", lambda w: F.embedding(torch.tensor([0, 2, 2]), w), [X]),
    ("embedding_bag", lambda w: F.embedding_bag(torch.tensor([0, 2, 2, 1]), w, torch.tensor([0, 3])), [X]),
    ("embedding_bag", lambda w: F.embedding_bag(torch.tensor([[0, 2], [2, 1]]), w, mode="max"), [X]),
    ("embedding_bag", lambda w: F.embedding_bag(torch.tensor([0, 2, 1]), w, torch.tensor([0, 1, 3]), mode="sum", include_last_offset=True), [X]),
    *[(n, lambda x, f=f: f(x, 0.5, False) * f(x, 0.5, True), [IMAGE]) for n, f in [
        ("dropout", F.dropout), ("feature_dropout", F.dropout2d), ("alpha_dropout", F.alpha_dropout),
        ("feature_alpha_dropout", F.feature_alpha_dropout)]],
    ("scaled_dot_product_attention", F.scaled_dot_product_attention, [normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4)]),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3), [normal(1, 2, 3, 4)] * 3),
    ("scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), [normal(2, 3, 4)] * 3 + [normal(3, 3)]),
    ("scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(3, 3, dtype=torch.bool).tril(), 0.4), [normal(2, 3, 4)] * 3),
    ("scaled_dot_product_attention", lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), [normal(1, 4, 3, 4), normal(1, 2, 3, 4)]),
    *[(f"{op}.vec", lambda x, m=mode: F.interpolate(x, scale_factor=1.7, mode=m) , [normal(1, 2, *(3,) * n)]) for op, mode, n in [
        ("upsample_nearest1d", "nearest", 1), ("upsample_nearest2d", "nearest", 2), ("upsample_nearest3d", "nearest", 3),
        ("_upsample_nearest_exact1d", "nearest-exact", 1), ("_upsample_nearest_exact2d", "nearest-exact", 2), ("_upsample_nearest_exact3d", "nearest-exact", 3),
        ("upsample_linear1d", "linear", 1), ("upsample_bilinear2d", "bilinear", 2), ("upsample_trilinear3d", "trilinear", 3), ("upsample_bicubic2d", "bicubic", 2)]],
    ("upsample_bilinear2d.vec", lambda x: F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True), [IMAGE]),
    ("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), [IMAGE]),
    ("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), [IMAGE]),
    ("im2col", lambda x: F.unfold(x, (3, 2), 1, 1, 2), [IMAGE]),
    ("col2im", lambda x: F.fold(x, (4, 5), (2, 2)), [normal(1, 8, 12)]),
    ("cross_entropy_loss", lambda s: F.cross_entropy(s, LABELS), [SCORES]),
    ("cross_entropy_loss", lambda s: F.cross_entropy(s, torch.tensor([1, -100, 3]), torch.arange(1.0, 5.0).double(), label_smoothing=0.1), [SCORES]),
    ("cross_entropy_loss", lambda s: F.cross_entropy(s, PIXELS, reduction="sum"), [IMAGE]),
    ("cross_entropy_loss", lambda s, p: F.cross_entropy(s, p.softmax(1)), [IMAGE, normal(2, 4, 6, 6)]),
    ("cross_entropy_loss", lambda s: F.cross_entropy(s, torch.tensor(2)), [normal(4)]),
    ("nll_loss", lambda s: aten.nll_loss(s.log_softmax(1), LABELS, None, 2), [SCORES]),
    ("nll_loss_nd", lambda s: F.nll_loss(s.log_softmax(1), LABELS, reduction="none"), [SCORES]),
    ("nll_loss2d", lambda s: aten.nll_loss2d(s.log_softmax(1), torch.zeros(2, 6, 6, dtype=torch.long)), [IMAGE]),
    *[(n, lambda x, y, f=f: f(x, y) + f(x, y, reduction="none") + f(x, y, reduction="sum"), [X, Y]) for n, f in [
        ("mse_loss", F.mse_loss), ("l1_loss", F.l1_loss), ("smooth_l1_loss", F.smooth_l1_loss), ("huber_loss", F.huber_loss)]],
    ("huber_loss", lambda x, y: F.huber_loss(x, y, delta=0.3) + F.smooth_l1_loss(x, y, beta=0.2), [X, Y]),
    ("kl_div", lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean") + F.kl_div(x, y, log_target=True, reduction="sum"), [X, Y]),
    ("soft_margin_loss", lambda x: F.soft_margin_loss(x, Y.sign()), [X]),
    ("multilabel_margin_loss", lambda x: F.multilabel_margin_loss(x, torch.tensor([[1, 3, -1, 0]] * 3)), [X]),
    ("binary_cross_entropy", lambda x: F.binary_cross_entropy(x, (Y > 0).double(), positive(4).detach() * 0 + 2), [inside(3, 4).abs()]),
    ("binary_cross_entropy_with_logits", lambda x: F.binary_cross_entropy_with_logits(x, (Y > 0).double(), pos_weight=torch.arange(1.0, 5.0).double()), [X]),
    ("cosine_similarity", lambda x, y: F.cosine_similarity(x, y) + F.cosine_similarity(x, y, dim=0).sum(), [X, Y]),
    ("pairwise_distance", lambda x, y: F.pairwise_distance(x, y, keepdim=True), [X, Y]),
    ("cdist", torch.cdist, [X, normal(5, 4)]),
    ("zeros_like", lambda x: torch.zeros_like(x) + x, [X]),
    ("ones_like", lambda x: torch.ones_like(x) * x, [X]),
    ("full_like", lambda x: torch.full_like(x, 2.0) * x, [X]),
    ("empty_like", lambda x: torch.empty_like(x).fill_(2.0) * x, [X]),
    ("rand_like", lambda x: torch.rand_like(x) * x, [X]),
    ("randn_like", lambda x: torch.randn_like(x) * x, [X]),
    ("new_zeros", lambda x: x.new_zeros(4) + x, [X]),
    ("new_ones", lambda x: x.new_ones(4) * x, [X]),
    ("new_full", lambda x: x.new_full((4,), 2.0) * x, [X]),
    ("new_empty", lambda x: x.new_empty(4).zero_() + x, [X]),
    ("new_empty_strided", lambda x: x.new_empty_strided((4,), (1,)).zero_() + x, [X]),
    ("bernoulli", lambda x: torch.bernoulli(x) * x, [inside(3, 4).abs()]),
    ("heaviside", lambda x: torch.heaviside(x.detach(), torch.zeros(()).double()) * x, [X]),
    ("isclose", lambda x, y: torch.isclose(x, y) * x, [X, Y]),
]  # fmt: skip


COARSE = {"digamma": 1e-9, "hardsigmoid": 1e-7}
"""Where PyTorch's derivative in double precision is less exact: it has 1/6 in single precision, and a short series."""


@pytest.mark.parametrize(("key", "f", "args"), CASES, ids=[f"{key}-{i}" for i, (key, *_) in enumerate(CASES)])
def test_operator_as_pytorch(key, f, args, used):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert_as_pytorch(f, args, COARSE.get(key, 1e-11))
    assert key in used


def test_every_operator_has_a_case():
    assert set(OPERATORS) == {key for key, *_ in CASES}


# Random shapes ---------------------------------------------------------------------------------------------------

SHAPES = st.lists(st.integers(1, 3), min_size=0, max_size=4)


@st.composite
def broadcastable(draw):
    whole = draw(SHAPES)
    part = [draw(st.sampled_from([1, n])) for n in whole][draw(st.integers(0, len(whole))) :]
    return whole, part


@settings(max_examples=25, deadline=None)
@given(broadcastable(), st.sampled_from([torch.add, torch.mul, torch.sub, torch.div, torch.maximum, torch.hypot]))
def test_elementwise_operators_broadcast_as_in_pytorch(shapes, f):
    assert_as_pytorch(f, [positive(*shape) for shape in shapes])
    assert_as_pytorch(f, [positive(*shape) for shape in reversed(shapes)])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_reductions_take_axes_as_in_pytorch(data):
    shape = data.draw(SHAPES.filter(bool))
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), unique_by=lambda d: d % len(shape)))
    keepdim = data.draw(st.booleans())
    for f in (torch.sum, torch.mean, torch.amax, torch.logsumexp):
        if axes or f is not torch.logsumexp:
            assert_as_pytorch(lambda x, f=f: f(x, axes, keepdim=keepdim), [normal(*shape)])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_shapes_change_as_in_pytorch(data):
    shape = data.draw(SHAPES.filter(bool))
    order = data.draw(st.permutations(range(len(shape))))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    start = data.draw(st.integers(-4, 4))
    chunks = data.draw(st.integers(1, 4))
    assert_as_pytorch(lambda x: x.permute(order).reshape(-1), [normal(*shape)])
    assert_as_pytorch(lambda x: x.squeeze(dim).unsqueeze(0).flatten(), [normal(*shape)])
    assert_as_pytorch(lambda x: x.narrow(dim, 0, 1) + x.chunk(chunks, dim)[0].sum(), [normal(*shape)])
    assert_as_pytorch(lambda x: x[start:].sum() + x[:start].sum(), [normal(*shape)])
    assert_as_pytorch(lambda x: torch.cat([x, 2 * x], dim).flip(0), [normal(*shape)])


# float32 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [lambda x: x * 2.0, lambda x: x / torch.tensor(3.0, dtype=torch.float64), torch.softmax])
def test_single_precision_stays(f):
    f = f if f is not torch.softmax else lambda x: torch.softmax(x, -1)
    assert_as_pytorch(f, [normal(3, 4, dtype=torch.float32)], tolerance=1e-6)


def test_rules_that_give_other_numbers_are_refused(monkeypatch):
    monkeypatch.setitem(OPERATORS, "exp", np.expm1)
    with pytest.raises(RecordingError, match=r"aten\.exp.*differs"):
        gradients_by_chainrule(lambda x: x.exp().sum(), [X])
