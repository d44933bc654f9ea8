"""Run by test_scale.py: two processes of PyTorch, each with its part of the rows; prints how far gradients are off."""

import os
import tempfile

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, init_device_mesh

import chainrule as cr


def squared(w, X, y):
    return np.mean((np.tanh(X @ w) - y) ** 2)


def one(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    w, X, y = torch.randn(3), torch.randn(8, 3), torch.randn(8)
    expected = cr.grad(squared)(w.numpy(), X.numpy(), y.numpy())
    rows = [distribute_tensor(x, mesh, [Shard(0)]) for x in (X, y)]
    weights = distribute_tensor(w, mesh, [Replicate()]).requires_grad_()
    by_torch = torch.autograd.grad(cr.to_torch(squared)(weights, *rows), weights)[0]
    for gradient in (cr.grad(squared)(weights.detach(), *rows), by_torch):
        assert isinstance(gradient, DTensor)
        difference = np.max(np.abs(gradient.full_tensor().numpy() - expected))
        os.write(1, f"difference {difference:.1e}\n".encode())  # whole lines, though two processes write
    torch.distributed.barrier()
    os._exit(0)  # a thread of PyTorch that asks for the interpreter's lock while it shuts down would abort the process


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:  # processes that meet at a file need no free port
        torch.multiprocessing.spawn(one, args=(folder,), nprocs=2)
