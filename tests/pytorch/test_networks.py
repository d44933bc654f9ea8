"""Whole networks of PyTorch: numbers, names, scopes, what is not covered, and that nothing of them changes."""

import copy
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.pytorch import models
from torch import nn

import chainrule as cr
from chainrule.errors import GradientError, RecordingError

DOUBLE, SINGLE = torch.float64, torch.float32
TOLERANCE = {DOUBLE: 1e-12, SINGLE: 2e-5}
LABELS = torch.tensor([0, 2, 1])


def gradients(explanation):
    """∂L/∂name for each name, and the value of the loss."""
    named = {gradient.name.parts[1].text: gradient.value for gradient in explanation.backward}
    return explanation.forward[-1].value, named


def assert_as_pytorch(f, args, modules, names=(), tolerance=1e-12):
    """The explained gradients of all parameters, and of the arguments with these names, are those of PyTorch."""
    explanation = cr.explain(f)(*args)
    value, ours = gradients(explanation)
    leaves = [a.clone().requires_grad_() if a.is_floating_point() else a for a in args]
    for module in modules:
        module.zero_grad()
    loss = f(*leaves)
    loss.backward()
    expected = {name: p.grad for module in modules for name, p in module.named_parameters()}
    expected |= dict(zip(names, [a.grad for a in leaves if a.is_floating_point()], strict=True))
    np.testing.assert_allclose(value, loss.item(), rtol=tolerance)
    for name, theirs in expected.items():
        assert ours[name].dtype == theirs.numpy().dtype
        scale = max(theirs.abs().max().item(), 1.0)
        np.testing.assert_allclose(ours[name], theirs.numpy(), rtol=tolerance, atol=tolerance * scale, err_msg=name)
    return explanation


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def sequence(dtype=DOUBLE):
    return torch.randn(3, 5, 8, dtype=dtype)


# Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
@pytest.mark.parametrize(
    ("make", "x"),
    [
        (models.perceptron, lambda dtype: torch.randn(3, 5, dtype=dtype)),
        (models.convolutional, lambda dtype: torch.randn(3, 1, 8, 8, dtype=dtype)),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_a_classifier(make, x, training, dtype):
    model = make().to(dtype).train(training)
    assert_as_pytorch(lambda x: F.cross_entropy(model(x), LABELS), [x(dtype)], [model], ["x"], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        models.encoder,
        lambda: models.encoder(norm_first=True, activation="gelu"),
        lambda: nn.TransformerEncoder(models.encoder(), 2),
        lambda: models.Attention(8, 2),
        lambda: models.Fused(8, 2),
        lambda: models.Block(8),
        lambda: nn.Sequential(nn.Linear(8, 8), nn.Unflatten(2, (2, 4)), nn.RMSNorm(4), nn.SiLU(), nn.Flatten(2)),
    ],
)
def test_gradients_of_blocks_on_sequences(make, training, dtype):
    model = make().to(dtype).train(training)
    assert_as_pytorch(lambda z: model(z).exp().mean(), [sequence(dtype)], [model], ["z"], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
def test_gradients_of_embeddings_and_mean_pooling(dtype):
    model = models.Bag().to(dtype)
    tokens = torch.tensor([[1, 4, 4, 0], [7, 0, 0, 0], [3, 3, 3, 3]])
    assert_as_pytorch(
        lambda tokens: F.cross_entropy(model(tokens), LABELS), [tokens], [model], tolerance=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_a_residual_network_with_batch_norm(training):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), models.Residual(4), models.Residual(4)).double().train(training)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    assert_as_pytorch(lambda x: model(x).square().mean(), [torch.randn(2, 1, 6, 6).double()], [model], ["x"])


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_gradients_of_recurrent_layers(make):
    model = make(8, 6, num_layers=2, batch_first=True, bidirectional=True).double()
    assert_as_pytorch(lambda z: model(z)[0].square().mean(), [sequence()], [model], ["z"])


def test_gradients_of_a_whole_transformer_with_masks():
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).double()
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=DOUBLE)
    padding = torch.tensor([[False] * 5, [False, False, False, True, True], [False] * 5])

    def loss(z, y):
        return model(z, y, tgt_mask=mask, src_key_padding_mask=padding).exp().mean()

    assert_as_pytorch(loss, [sequence(), sequence()], [model], ["z", "y"])


def test_weights_that_attention_returns_have_gradients():
    model = nn.MultiheadAttention(8, 2, batch_first=True).double()
    assert_as_pytorch(lambda z: sum(part.square().sum() for part in model(z, z, z)), [sequence()], [model], ["z"])


def test_parametrised_layers_have_pytorchs_gradients():
    norms = nn.utils.parametrizations
    model = nn.Sequential(norms.weight_norm(nn.Linear(8, 8)), nn.Tanh(), norms.spectral_norm(nn.Linear(8, 4)))
    model = model.double().eval()
    assert_as_pytorch(lambda z: model(z).square().sum(), [sequence()], [model], ["z"])


# Python as it is -------------------------------------------------------------------------------------------------


def test_branches_go_as_values_tell():
    linear = nn.Linear(8, 8).double()

    def loss(z):
        for _ in range(2 if z.sum() > 0 else 3):
            z = torch.tanh(linear(z))
        return z.sum() if z.mean().item() < 1e9 else z.mean()

    for z in (sequence().abs(), -sequence().abs()):
        assert_as_pytorch(loss, [z], [linear], ["z"])


def test_no_gradient_under_no_grad_and_through_detach():
    linear = nn.Linear(8, 8).double()

    def loss(z):
        h = linear(z)
        with torch.no_grad():
            scale = h.abs().max()
        return (h / scale * h.detach() + h.data).sum()

    assert_as_pytorch(loss, [sequence()], [linear], ["z"])


def test_writes_in_place_through_views():
    linear = nn.Linear(8, 8).double()

    def loss(z):
        h = linear(z)
        out = torch.zeros(3, 8, dtype=z.dtype)
        for i in range(3):
            out[i] = h[i].mean(0) * i
        out.view(-1)[:4].mul_(2)
        out.T[0] += h[0, :3, 0]
        h[:, 1:3] *= 2.0
        top = out.clone()
        top[0].zero_()
        return out.square().sum() + h.cumsum(1).sum() + top.exp().sum()

    assert_as_pytorch(loss, [sequence()], [linear], ["z"])


def test_a_detached_tensor_sees_later_writes_and_has_no_gradient():
    def loss(z):
        h = z * 2
        seen, kept = h.detach(), h.detach().clone()
        kept[0] = h[1]
        h[0] = z[1] * z[2]
        return (h * seen * kept).sum()

    assert_as_pytorch(loss, [sequence()], [], ["z"])


def test_writing_into_a_detached_tensor_is_not_covered():
    def loss(z):
        h = z * 2
        h.detach()[0] = 5.0
        return (h * h).sum()

    with pytest.raises(RecordingError, match="into the result of detach"):
        cr.explain(loss)(sequence())


def test_arguments_are_not_written_into():
    x = torch.ones(3)

    def loss(x):
        x.mul_(2)
        return x.square().sum()

    _, named = gradients(cr.explain(loss)(x))
    assert torch.equal(x, torch.ones(3))
    np.testing.assert_array_equal(named["x"], [8.0, 8.0, 8.0])


def test_a_buffer_that_is_written_is_as_before():
    class Cache(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.register_buffer("cache", torch.zeros(4, 2))

        def forward(self, x):
            self.cache[: len(x)] = self.linear(x)
            return self.cache.square().sum()

    model, x = Cache(), torch.randn(3, 2)
    _, named = gradients(cr.explain(model)(x))
    assert torch.equal(model.cache, torch.zeros(4, 2))
    loss = model.linear(x).square().sum()
    loss.backward()
    np.testing.assert_allclose(named["linear.weight"], model.linear.weight.grad, rtol=1e-5)


def test_nothing_of_the_network_nor_of_the_generator_changes():
    model = models.convolutional().train()
    before, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    x = torch.ones(3, 1, 8, 8)
    cr.explain(lambda x: F.cross_entropy(model(x), LABELS))(x)
    cr.check(lambda x: F.cross_entropy(model(x), LABELS), argnums="8.bias")(x)
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.backends.mha.get_fastpath_enabled()


# What may be given -----------------------------------------------------------------------------------------------


class Loss(nn.Module):
    """A network that returns its own loss."""

    def __init__(self):
        super().__init__()
        self.body = models.perceptron()
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x, labels):
        scores = self.body(x) * self.frozen
        return F.cross_entropy(scores, labels)

    def doubled(self, x, labels):
        return 2 * self(x, labels)


@pytest.mark.parametrize("which", ["module", "method", "function"])
def test_a_module_a_method_or_a_function_that_reads_one(which):
    model = Loss().double()
    f = {"module": model, "method": model.doubled, "function": lambda x, labels: model(x, labels)}[which]
    assert_as_pytorch(
        f, [torch.randn(3, 5).double(), LABELS], [model.body and nn.ModuleDict({"body": model.body})], ["x"]
    )


def test_numpy_arrays_become_tensors_of_the_network():
    model = Loss()
    x, labels = np.random.default_rng(0).normal(size=(3, 5)), np.array([0, 2, 1])
    explanation = cr.explain(model)(x, labels=labels)
    expected = model(torch.tensor(x, dtype=SINGLE), torch.tensor(labels))
    np.testing.assert_allclose(explanation.forward[-1].value, expected.item(), rtol=1e-6)
    assert gradients(explanation)[1]["x"].dtype == np.float32


def test_keywords_in_any_order():
    model, x = Loss(), torch.randn(3, 5)
    _, named = gradients(cr.explain(model)(x=x, labels=LABELS))
    _, same = gradients(cr.explain(model)(labels=LABELS, x=x))
    for name, gradient in named.items():
        np.testing.assert_array_equal(gradient, same[name])


def test_trees_of_tensors_have_pytorchs_gradients():
    linear = nn.Linear(8, 8).double()

    def loss(batch, *more):
        return (linear(batch["a"]) * batch["b"][0]).sum() + sum(m.sum() for m in more)

    args = {"a": sequence(), "b": (sequence(),)}, torch.ones(2).double(), torch.ones(3).double()
    _, named = gradients(cr.explain(loss)(*args))
    np.testing.assert_allclose(named["b0"], linear(args[0]["a"]).detach(), rtol=1e-12)
    assert set(named) >= {"a", "b0", "more0", "more1", "weight", "bias"}


def test_a_plain_function_of_tensors():
    _, named = gradients(cr.explain(lambda x, y: (x * y).sum())(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])))
    np.testing.assert_array_equal(named["x"], [3.0, 4.0])


def test_a_function_of_numpy_that_only_sees_a_tensor_is_one_of_numpy():
    seen = torch.ones(3)

    def loss(x):
        return np.sum(x * len(seen))

    assert cr.explain(loss)(np.ones(2)).forward[-1].value == 6.0


def test_parameters_that_only_a_helper_reads_are_found():
    weight = nn.Parameter(torch.tensor([2.0, 3.0]))
    helpers = {"scale": lambda x: x * weight}

    def loss(x):
        return helpers["scale"](x).sum()

    explanation = cr.explain(loss)(torch.tensor([5.0, 7.0]))
    np.testing.assert_array_equal(gradients(explanation)[1]["tensor0"], [5.0, 7.0])


# Names, scopes and lines -----------------------------------------------------------------------------------------


def test_parameters_have_their_dotted_names_in_their_order():
    model = Loss()
    explanation = cr.explain(model)(torch.randn(3, 5), LABELS)
    inputs = [step.name.text for step in explanation.forward if step.block == "input"]
    assert inputs == ["x", *(name for name, p in model.named_parameters() if p.requires_grad)]
    assert explanation.title == "Loss"


def test_local_variables_of_forward_name_the_steps():
    explanation = cr.explain(Loss())(torch.randn(3, 5), LABELS)
    assert "scores" in [step.name.text for step in explanation.forward]


def test_labels_have_their_name_in_formulas():
    assert "labels" in str(cr.explain(Loss())(torch.randn(3, 5), LABELS)).split("Backward pass")[0]


def test_of_two_networks_parameters_begin_with_the_variable():
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    _, named = gradients(cr.explain(lambda z: second(first(z)).sum())(sequence(SINGLE)))
    assert {"first.weight", "first.bias", "second.weight", "second.bias"} <= set(named)


def test_modules_are_scopes_nested_as_in_the_network():
    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 8)))
    explanation = cr.explain(lambda z: model(z).sum())(sequence(SINGLE))
    told = [(s.name, s.kind, s.parent) for s in explanation.scopes]
    assert told == [
        ("model: Sequential", "module", None),
        ("0: Linear", "module", 0),
        ("1: Sequential", "module", 0),
        ("0: ReLU", "module", 2),
        ("1: Linear", "module", 2),
    ]
    blocks = {step.block: explanation.scopes[step.scope].name for step in explanation.forward if step.scope is not None}
    assert blocks["relu"] == "0: ReLU"
    assert explanation.forward[-1].scope is None


def test_the_explained_module_itself_is_no_scope():
    explanation = cr.explain(Loss())(torch.randn(3, 5), LABELS)
    assert [s.name for s in explanation.scopes if s.parent is None] == ["body: Sequential"]


def test_a_module_used_twice_is_two_scopes_and_one_set_of_parameters():
    linear = nn.Linear(8, 8).double()
    explanation = assert_as_pytorch(lambda z: linear(linear(z)).sum(), [sequence()], [linear], ["z"])
    assert [s.name for s in explanation.scopes] == ["linear: Linear"] * 2


def test_steps_know_their_line():
    explanation = cr.explain(Loss())(torch.randn(3, 5), LABELS)
    (step,) = [step for step in explanation.forward if step.block == "softmax_cross_entropy"]
    assert step.line.text == "return F.cross_entropy(scores, labels)"
    assert step.line.file == __file__


# Errors ----------------------------------------------------------------------------------------------------------


class Uncovered(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        x = torch.special.i1e(self.linear(x))
        return torch.special.i0e(x)


def test_all_operators_that_are_not_covered_are_named_with_their_modules():
    model = nn.Sequential(Uncovered(), nn.Sequential(Uncovered()))
    with pytest.raises(RecordingError) as error:
        cr.explain(lambda x: torch.special.bessel_j0(model(x)).sum())(sequence(SINGLE))
    told = str(error.value)
    assert re.search(r"aten\.special_i1e\.default.*in 0, in 1\.0", told)
    assert "aten.special_i0e.default" in told
    assert "aten.special_bessel_j0.default" in told
    assert "outside of all modules" in told
    assert "return torch.special.i0e(x)" in told


def test_what_would_lose_a_gradient_is_refused():
    linear = nn.Linear(8, 8)
    for f in (
        lambda z: torch.from_numpy(linear(z).numpy()).sum(),
        lambda z: torch.as_tensor(np.asarray(linear(z))).sum(),
    ):
        with pytest.raises(RecordingError, match="would lose the gradient"):
            cr.explain(f)(sequence(SINGLE))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.register_hook(lambda g: 2 * g), "hook"),
        (lambda h: h.sum().backward(), "return the loss instead"),
        (lambda h: torch.autograd.grad(h.sum(), h), "return the loss instead"),
    ],
)
def test_what_changes_gradients_unseen_is_refused(change, message):
    def loss(z):
        h = z * 2
        change(h)
        return h.sum()

    with pytest.raises(RecordingError, match=message):
        cr.explain(loss)(sequence())


def test_a_write_under_no_grad_is_refused():
    def loss(z):
        h = z * 2
        with torch.no_grad():
            h.clamp_(0.0, 1.0)
        return h.sum()

    with pytest.raises(RecordingError, match=r"aten\.clamp_\.default under no_grad"):
        cr.explain(loss)(sequence())


def test_a_network_without_a_loss_is_told_how_to_write_one():
    with pytest.raises(GradientError, match=r"(?s)shape \(3, 3\).*cross_entropy\(model\(x\), labels\)"):
        cr.explain(models.perceptron())(torch.randn(3, 5))


def test_bfloat16_is_told_what_to_write():
    with pytest.raises(RecordingError, match=r"model\.float\(\)"):
        cr.explain(nn.Linear(2, 2).bfloat16())(torch.ones(1, 2).bfloat16())


def test_digits_that_single_precision_loses_are_no_error():
    norm = nn.BatchNorm1d(3)
    x = torch.full((4, 3), 0.1) + 1e-8 * torch.randn(4, 3)
    explanation = cr.explain(lambda x: norm(x).square().sum())(x)
    assert np.isfinite(explanation.forward[-1].value)


def test_nothing_to_differentiate_is_an_error():
    frozen = nn.Embedding(3, 2).requires_grad_(False)
    with pytest.raises(GradientError, match="no parameter requires a gradient"):
        cr.explain(lambda i: frozen(i).sum())(torch.tensor([1]))


def test_chainrule_alone_does_not_import_torch():
    code = "import sys, chainrule as cr; cr.explain(lambda x: x * x)(2.0); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# The other readings ----------------------------------------------------------------------------------------------


def test_check_compares_with_pytorch_jax_differences_and_its_own_backward():
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(5), nn.GELU(), nn.Dropout(0.2)).train()
    report = cr.check(lambda z: model(z).exp().mean(), argnums=("z", "0.bias"))(sequence(SINGLE))
    assert report.ok
    told = {(c.label, c.reference) for c in report.comparisons}
    references = ("PyTorch", "JAX", "autograd", "differences")
    assert told >= {(name, r) for name in ("z", "0.bias") for r in references}


def test_check_finds_a_wrong_gradient_written_by_hand():
    report = cr.check(models.Bag(), argnums="classifier.bias", against=lambda *_: np.zeros(3))(torch.tensor([[1, 2]]))
    assert not report.ok
    assert report.findings[0].startswith("The gradient written by hand is wrong for classifier.bias")


def test_documents_and_pictures_of_a_network():
    explanation = cr.explain(Loss())(torch.randn(3, 5), LABELS)
    assert "body.0.weight" in explanation.svg()
    for text in (explanation.latex(), explanation.markdown(), str(explanation)):
        assert "body" in text


def test_a_network_of_a_hundred_blocks():
    model = nn.Sequential(*(models.Block(8) for _ in range(100)), nn.Linear(8, 3)).double()
    assert_as_pytorch(lambda z: F.cross_entropy(model(z).mean(1), LABELS), [sequence()], [model], ["z"], 1e-10)


def test_a_convolutional_network_has_a_page():
    """Some rules do not record what they do inside; those boxes stay closed."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    page = cr.explain(lambda x: net(x).square().mean())(torch.ones(2, 1, 6, 6)).html()
    assert "max_pool" in page
