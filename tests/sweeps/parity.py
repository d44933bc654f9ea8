"""Every function of NumPy with an answer, on every dtype and layout: what is recorded has what plain NumPy has.

    python -m tests.sweeps.parity                   # all of it: 4.4 million calls, about 40 minutes
    python -m tests.sweeps.parity --every 50        # a sample
    python -m tests.sweeps.parity --only median     # one function

Compared are the value to the bit (signed zeros and the places of NaN too), the dtype, the shape, whether it is a number
or an array without axes, the error, and the warnings. Differences are counted by kind and by function.

A function's answer may compute in another way than NumPy, and takes over NumPy's value. What it computed itself is
compared too, up to rounding, and told as `rule`: its gradient, and the compiled program, are those of that computation.

What may differ, and why, is said in EXPECTED.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import operator
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.special as sp

from chainrule import numpy_value
from chainrule.answers import answer
from chainrule.array import Array, constant
from chainrule.errors import ChainruleError
from chainrule.node import Node

DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 complex128"
)

# Calls ---------------------------------------------------------------------------------------------------------------

OF_ONE = """
x.sum() x.mean() x.prod() x.max() x.min() x.std() x.var() x.any() x.all() x.argmax() x.argmin() x.argsort() x.cumsum()
x.cumprod() x.ravel() x.squeeze() x.round() x.nonzero() x.copy() x.flatten() x.transpose() x.T x.real x.imag x.conj()
x.astype(float) x.astype(np.float32) x.astype(int) x.astype(bool) x.astype(complex) x.astype(np.int8)
x.astype(np.float16) x.clip(0,1) x.clip(None,1) x.clip(-1,None) x.repeat(2) x.take(0) x.take([0,1]) x.reshape(-1)
x.reshape((-1,1)) x.trace() x.diagonal() x.swapaxes(0,-1) x.dot(x) x.sum(axis=0) x.mean(axis=-1) x.prod(axis=0)
x.max(axis=-1) x.min(0) x.var(0) x.std(ddof=1) x.cumsum(0) x.argmax(0) x.sum(dtype=np.float32)
x.mean(dtype=np.float64) x.prod(dtype=float) x.mT x.sum(keepdims=True) x.max(keepdims=True) x.max(initial=1)
x.sum(initial=2) x.ndim x.size x.dtype x.shape len(x) x[0] x[...] x[None] x[::-1] x[-1:] x[()] x[...,0] x[[0]] x[x>0]
x[1] x[:,0] x[0,0] x[np.array(0)] -x +x abs(x) ~x x**2 x**0 x**-1 x**0.5 x**2.0 x**3 2**x 2.0**x x*2 x*2.0 x*2j 2-x
x/2 2/x x//2 2//x x%2 x%2.0 5%x x+1 x-1 x-1.5 x@x x<1 x<=0.5 x==1 x!=1 x>1j x>=0 x&1 x|1 x^1 x<<1 x>>1 divmod(x,2)
x*True x+True x*300 x+np.float32(0.1) x*np.int8(2) x*np.float64(0.1) x-np.uint8(1) x/np.float16(3) round(x) round(x,1)
bool(x) int(x) list(x) np.sum(x) np.sum(x,axis=0) np.sum(x,axis=(0,1)) np.sum(x,axis=()) np.sum(x,-1,keepdims=True)
np.sum(x,axis=5) np.sum(x,dtype=np.int8) np.sum(x,where=x>0) np.sum(x,axis=0,initial=1.5) np.sum(x,dtype=complex)
np.mean(x) np.mean(x,axis=0) np.mean(x,axis=-1,keepdims=True) np.mean(x,dtype=np.float32) np.mean(x,where=x>0)
np.prod(x) np.prod(x,axis=0) np.prod(x,axis=-1,keepdims=True) np.prod(x,initial=2) np.prod(x,where=x!=0)
np.prod(x,axis=()) np.max(x) np.max(x,axis=0) np.max(x,initial=0) np.max(x,axis=-1,keepdims=True)
np.max(x,where=x>0,initial=-1) np.amax(x) np.min(x) np.min(x,axis=0) np.min(x,initial=0)
np.min(x,axis=-1,keepdims=True) np.min(x,axis=(0,1)) np.amin(x,0) np.var(x) np.var(x,axis=0) np.var(x,ddof=1)
np.var(x,axis=-1,ddof=2,keepdims=True) np.var(x,dtype=np.float32) np.var(x,where=x>0) np.std(x) np.std(x,axis=0)
np.std(x,ddof=1) np.std(x,correction=1) np.std(x,dtype=np.float64) np.std(x,where=x>0) np.cumsum(x)
np.cumsum(x,axis=0) np.cumsum(x,dtype=np.float32) np.cumprod(x) np.cumprod(x,axis=-1) np.cumprod(x,dtype=float)
np.cumulative_sum(x) np.cumulative_sum(x,axis=0) np.cumulative_prod(x,axis=0)
np.cumulative_sum(x,axis=0,include_initial=True) np.argmax(x) np.argmax(x,axis=0) np.argmax(x,axis=-1,keepdims=True)
np.argmin(x) np.argmin(x,0) np.any(x) np.any(x,axis=0) np.all(x) np.all(x,axis=-1) np.count_nonzero(x)
np.count_nonzero(x,axis=0) np.count_nonzero(x,axis=0,keepdims=True) np.median(x) np.median(x,axis=0)
np.median(x,axis=-1,keepdims=True) np.median(x,axis=(0,1)) np.nanmedian(x) np.nanmedian(x,axis=0) np.quantile(x,0.3)
np.quantile(x,[0.1,0.5]) np.quantile(x,0.5,axis=0) np.quantile(x,0.25,method='lower') np.quantile(x,1)
np.quantile(x,0.3,method='hazen') np.quantile(x,0.3,method='inverted_cdf') np.quantile(x,1.5)
np.quantile(x,0.4,keepdims=True) np.percentile(x,30) np.percentile(x,[10,90],axis=0) np.nanquantile(x,0.3)
np.nanpercentile(x,30,axis=-1) np.ptp(x) np.ptp(x,0) np.nansum(x) np.nansum(x,axis=0) np.nanprod(x)
np.nanprod(x,axis=-1) np.nanmean(x) np.nanmean(x,axis=0) np.nanvar(x) np.nanvar(x,axis=0,ddof=1) np.nanstd(x)
np.nanstd(x,axis=-1) np.nanmax(x) np.nanmax(x,axis=0) np.nanmin(x) np.nanmin(x,axis=-1) np.nancumsum(x)
np.nancumsum(x,axis=0) np.nancumprod(x) np.nanargmax(x) np.nanargmin(x) np.nansum(x,dtype=np.float32) np.average(x)
np.average(x,axis=0) np.average(x,weights=x) np.average(x,axis=0,weights=[1,2]) np.average(x,returned=True) np.cov(x)
np.cov(x,rowvar=False) np.cov(x,bias=True) np.cov(x,ddof=0) np.corrcoef(x) np.corrcoef(x,rowvar=False) np.sort(x)
np.sort(x,axis=0) np.sort(x,axis=None) np.argsort(x) np.argsort(x,axis=0) np.partition(x,1) np.argpartition(x,1)
np.sort_complex(x) np.unique(x) np.unique(x,return_counts=True) np.unique(x,return_inverse=True) np.unique(x,axis=0)
np.unique_values(x) np.unique_counts(x) np.unique_inverse(x) np.unique_all(x) np.lexsort(x) np.reshape(x,-1)
np.reshape(x,(-1,1)) np.reshape(x,(3,-1)) np.reshape(x,(7,)) np.reshape(x,-1,order='F') np.ravel(x) np.ravel(x,'F')
np.ravel(x,'K') np.ravel(x,'A') np.transpose(x) np.transpose(x,(1,0)) np.matrix_transpose(x) np.swapaxes(x,0,1)
np.swapaxes(x,0,-1) np.moveaxis(x,0,-1) np.moveaxis(x,0,1) np.rollaxis(x,-1) np.squeeze(x) np.squeeze(x,axis=0)
np.expand_dims(x,0) np.expand_dims(x,(0,-1)) np.expand_dims(x,5) np.atleast_1d(x) np.atleast_2d(x) np.atleast_3d(x)
np.broadcast_to(x,(2,3)) np.broadcast_to(x,(2,2,3)) np.flip(x) np.flip(x,0) np.flip(x,axis=(0,1)) np.flipud(x)
np.fliplr(x) np.rot90(x) np.rot90(x,2) np.roll(x,1) np.roll(x,1,axis=0) np.roll(x,(1,2),axis=(0,-1)) np.tile(x,2)
np.tile(x,(2,1)) np.repeat(x,2) np.repeat(x,2,axis=0) np.repeat(x,[1,2]) np.repeat(x,[1,2],axis=0) np.resize(x,(2,2))
np.resize(x,5) np.array_split(x,2) np.split(x,1) np.split(x,2) np.split(x,[1],axis=0) np.hsplit(x,1) np.vsplit(x,1)
np.dsplit(x,1) np.unstack(x) np.concatenate([x,x]) np.concatenate([x,x],axis=-1) np.concatenate([x,x],axis=None)
np.concatenate([x,[1]]) np.concatenate(x) np.concat([x,x],axis=1) np.concatenate([x,x],dtype=np.float32)
np.concatenate([x,x],dtype=np.int8) np.stack([x,x]) np.stack([x,x],axis=-1) np.stack([x,x],axis=1) np.stack(x)
np.vstack([x,x]) np.hstack([x,x]) np.dstack([x,x]) np.column_stack([x,x]) np.append(x,x) np.append(x,1)
np.append(x,x,axis=0) np.block([x,x]) np.block([[x],[x]]) np.insert(x,0,2) np.insert(x,1,2.5) np.insert(x,0,x,axis=0)
np.delete(x,0) np.delete(x,0,axis=0) np.delete(x,[0,1]) np.trim_zeros(x) np.diag(x) np.diag(x,1) np.diagflat(x)
np.diagonal(x) np.diagonal(x,1) np.trace(x) np.trace(x,1) np.trace(x,dtype=float) np.tril(x) np.triu(x) np.triu(x,1)
np.tril(x,-1) np.vander(x) np.vander(x,2) np.vander(x,3,increasing=True) np.take(x,0) np.take(x,[0,1])
np.take(x,[True,False]) np.take(x,[0,-1],axis=0) np.take(x,np.array([True,False,True])) np.take(x,9)
np.take(x,[9],mode='wrap') np.take(x,[-9],mode='clip') np.take(x,0,axis=-1) np.take(x,1.5)
np.take_along_axis(x,np.argsort(x,axis=0),0) np.take_along_axis(x,np.array([0]),None) np.compress([True],x)
np.compress([True,False,True],x) np.compress([1],x,axis=0) np.extract(x>0,x) np.choose(0,[x,x]) np.choose([0,1],x)
np.choose([1],[x,x],mode='wrap') np.select([x>0],[x]) np.select([x>0,x<0],[x,2*x],default=5) np.where(x>0,x,0)
np.where(x>0,x,1.5) np.where(x>0) np.where(x,1,x) np.where(True,x,x) np.argwhere(x) np.flatnonzero(x) np.nonzero(x)
np.searchsorted([0,1,2],x) np.searchsorted(x,1) np.digitize(x,[0,1]) np.isin(x,[1,2]) np.bincount([0,1,1],x)
np.bincount(x) np.histogram(x) np.histogram(x,3,weights=x) np.histogram(x,[0,1,2]) np.histogram(x,4,density=True)
np.histogram(x,2,range=(0,1)) np.histogram_bin_edges(x) np.histogram_bin_edges(x,3) np.histogram2d(x,x,2)
np.histogramdd(x,2) np.diff(x) np.diff(x,n=2) np.diff(x,axis=0) np.diff(x,n=0) np.diff(x,prepend=1)
np.diff(x,append=x) np.ediff1d(x) np.ediff1d(x,to_begin=1) np.gradient(x) np.gradient(x,2.0) np.gradient(x,axis=0)
np.gradient(x,edge_order=2) np.trapezoid(x) np.trapezoid(x,dx=0.5) np.trapezoid(x,axis=0) np.unwrap(x)
np.unwrap(x,period=4) np.interp(x,[0,1,2],[1,3,2]) np.interp(0.5,[0,1],x) np.interp(x,[0,1],[1j,2])
np.convolve(x,[1,2]) np.convolve(x,x,'same') np.correlate(x,[1,2],'full') np.correlate(x,x) np.real(x) np.imag(x)
np.angle(x) np.angle(x,deg=True) np.conj(x) np.real_if_close(x) np.round(x) np.round(x,1) np.round(x,-1)
np.around(x,2) np.fix(x) np.sign(x) np.nan_to_num(x) np.nan_to_num(x,nan=1.5) np.nan_to_num(x,posinf=2)
np.nan_to_num(x,copy=False) np.clip(x,0,1) np.clip(x,None,1) np.clip(x,-1,None) np.clip(x,x,2) np.clip(x,0.5,1.5)
np.clip(x,-300,300) np.clip(x,None,None) np.clip(x,min=0) np.clip(x,max=1) np.sinc(x) np.i0(x) np.isneginf(x)
np.isposinf(x) np.isreal(x) np.iscomplex(x) np.isrealobj(x) np.iscomplexobj(x) np.isclose(x,1) np.allclose(x,x)
np.array_equal(x,x) np.array_equiv(x,x) np.astype(x,np.float32) np.astype(x,float,copy=False) np.copy(x)
np.zeros_like(x) np.ones_like(x) np.empty_like(x).shape np.full_like(x,2) np.full_like(x,1.5)
np.full_like(x,2,dtype=float) np.zeros_like(x,shape=(2,)) np.zeros(2,like=x) np.full(2,3,like=x) np.pad(x,1)
np.pad(x,1,mode='edge') np.pad(x,1,mode='reflect') np.pad(x,1,mode='wrap') np.pad(x,1,mode='symmetric')
np.pad(x,1,mode='mean') np.pad(x,1,mode='median') np.pad(x,1,mode='minimum') np.pad(x,1,mode='maximum')
np.pad(x,1,mode='linear_ramp') np.pad(x,1,constant_values=1.5) np.pad(x,(1,2),mode='mean',stat_length=1)
np.pad(x,1,mode='linear_ramp',end_values=2) np.polyval(x,2) np.polyval(x,0.5) np.polyval([1,2,3],x)
np.polyval([0.5,2],x) np.polyval(x,x) np.polyadd(x,[1]) np.polysub(x,x) np.polymul(x,x) np.polydiv(x,[1,2])
np.polyder(x) np.polyder(x,2) np.polyint(x) np.polyint(x,k=1) np.poly(x) np.roots(x) np.polyfit([0.,1,2],x,1)
np.linspace(x,2,3) np.linspace(0,x,3) np.linspace(x,x,4,endpoint=False) np.logspace(x,1,3) np.geomspace(x,4,3)
np.meshgrid(x,x) np.ix_(x) np.broadcast_arrays(x,x) np.packbits(x) np.unpackbits(x) np.ravel_multi_index((x,),(5,))
np.unravel_index(x,(5,)) np.outer(x,x) np.dot(x,x) np.dot(x,2) np.dot(x,0.5) np.dot(x,x.T) np.inner(x,x) np.inner(x,3)
np.vdot(x,x) np.vecdot(x,x) np.vecdot(x,x,axis=0) np.matvec(x,x) np.vecmat(x,x) np.kron(x,x) np.kron(x,2)
np.tensordot(x,x,0) np.tensordot(x,x,1) np.tensordot(x,x,2) np.cross(x,x) np.einsum('i->',x) np.einsum('ij->ji',x)
np.einsum('ij->j',x) np.einsum('i,i',x,x) np.einsum('ij,ij->i',x,x) np.einsum('ij,kj->ik',x,x)
np.einsum('ij,kj->ik',x,x,optimize=True) np.einsum('...->...',x) np.einsum('ii',x) np.einsum(x,[0],[0])
np.einsum('i,j',x,x,dtype=float) np.union1d(x,[1,5]) np.intersect1d(x,[1,2]) np.setdiff1d(x,[1]) np.setxor1d(x,[1])
np.divmod(x,2) np.modf(x) np.frexp(x) np.size(x) np.shape(x) np.ndim(x) np.size(x,0) np.result_type(x)
np.min_scalar_type(x) np.common_type(x) np.emath.sqrt(x) np.emath.log(x) np.emath.log2(x) np.emath.log10(x)
np.emath.power(x,2) np.emath.arcsin(x) np.emath.arccos(x) np.emath.arctanh(x) np.emath.logn(2,x) np.linalg.norm(x)
np.linalg.norm(x,1) np.linalg.norm(x,2) np.linalg.norm(x,-2) np.linalg.norm(x,np.inf) np.linalg.norm(x,-np.inf)
np.linalg.norm(x,0) np.linalg.norm(x,3) np.linalg.norm(x,0.5) np.linalg.norm(x,-1) np.linalg.norm(x,'fro')
np.linalg.norm(x,'nuc') np.linalg.norm(x,axis=0) np.linalg.norm(x,1,axis=-1) np.linalg.norm(x,2,axis=0,keepdims=True)
np.linalg.norm(x,axis=(0,1)) np.linalg.vector_norm(x) np.linalg.vector_norm(x,ord=1)
np.linalg.vector_norm(x,axis=0,ord=3) np.linalg.matrix_norm(x) np.linalg.matrix_norm(x,ord=1)
np.linalg.matrix_norm(x,ord=2) np.linalg.inv(x) np.linalg.det(x) np.linalg.slogdet(x) np.linalg.pinv(x)
np.linalg.pinv(x,hermitian=True) np.linalg.svd(x) np.linalg.svd(x,False) np.linalg.svd(x,compute_uv=False)
np.linalg.svdvals(x) np.linalg.eig(x) np.linalg.eigh(x) np.linalg.eigvals(x) np.linalg.eigvalsh(x) np.linalg.qr(x)
np.linalg.qr(x,'r') np.linalg.qr(x,'complete') np.linalg.cholesky(x) np.linalg.cholesky(x,upper=True)
np.linalg.cond(x) np.linalg.cond(x,1) np.linalg.cond(x,-2) np.linalg.cond(x,'fro') np.linalg.matrix_rank(x)
np.linalg.matrix_power(x,3) np.linalg.matrix_power(x,0) np.linalg.matrix_power(x,-1) np.linalg.multi_dot([x,x])
np.linalg.multi_dot([x,x,x]) np.linalg.solve(x,x) np.linalg.solve(x,[1,2]) np.linalg.lstsq(x,x)
np.linalg.lstsq(x,[1,2]) np.linalg.tensorinv(x,1) np.linalg.tensorsolve(x,[1,2]) np.linalg.cross(x,x)
np.linalg.outer(x,x) np.linalg.trace(x) np.linalg.diagonal(x) np.linalg.vecdot(x,x) np.linalg.matmul(x,x)
np.linalg.tensordot(x,x,axes=1) np.linalg.matrix_transpose(x) np.fft.fft(x) np.fft.ifft(x) np.fft.rfft(x)
np.fft.irfft(x) np.fft.hfft(x) np.fft.ihfft(x) np.fft.fft2(x) np.fft.ifft2(x) np.fft.fftn(x) np.fft.ifftn(x)
np.fft.rfft2(x) np.fft.irfft2(x) np.fft.rfftn(x) np.fft.irfftn(x) np.fft.fft(x,2) np.fft.fft(x,5) np.fft.fft(x,axis=0)
np.fft.rfft(x,4,norm='ortho') np.fft.fft(x,norm='forward') np.fft.fftshift(x) np.fft.ifftshift(x)
np.lib.stride_tricks.sliding_window_view(x,2) np.apply_along_axis(np.sum,0,x) np.apply_over_axes(np.sum,x,0)
np.piecewise(x,[x>0],[2,0]) np.einsum_path('ij,jk',x,x) np.multiply(x,x,dtype=float) np.multiply(x,x,dtype=np.float32)
np.add(x,1,dtype=np.float16) np.exp(x,dtype=np.float32) np.add(x,x,casting='no') np.subtract(x,x,dtype=complex)
np.less(x,1,dtype=object) np.clip(x,0,1,dtype=float)
"""
"""What is called with one array x. Calls stand apart by white space, so there is none within."""

OF_TWO = """
x+y x-y x*y x/y x//y x%y x**y x@y x<y x<=y x==y x!=y x>y x>=y x&y x|y x^y x<<y x>>y divmod(x,y) np.where(x>0,x,y)
np.where(y,x,y) np.clip(x,y,2) np.clip(x,0,y) np.dot(x,y) np.inner(x,y) np.outer(x,y) np.vdot(x,y) np.vecdot(x,y)
np.matvec(x,y) np.vecmat(x,y) np.kron(x,y) np.tensordot(x,y,1) np.tensordot(x,y,0) np.cross(x,y) np.einsum('i,i',x,y)
np.einsum('ij,ij->ij',x,y) np.einsum('...,...->...',x,y) np.einsum('ij,j->i',x,y) np.concatenate([x,y])
np.concatenate([x,y],axis=None) np.stack([x,y]) np.vstack([x,y]) np.hstack([x,y]) np.column_stack([x,y])
np.append(x,y) np.block([x,y]) np.append(x,y,axis=0) np.average(x,weights=y) np.average(x,axis=0,weights=y)
np.average(x,weights=y,returned=True) np.cov(x,y) np.corrcoef(x,y) np.cov(x,aweights=y) np.cov(x,fweights=y)
np.polyval(x,y) np.polyadd(x,y) np.polysub(x,y) np.polymul(x,y) np.polydiv(x,y) np.polyfit(x,y,1) np.interp(x,[0,1],y)
np.interp(0.5,x,y) np.convolve(x,y) np.correlate(x,y) np.insert(x,0,y) np.linspace(x,y,3) np.logspace(x,y,3)
np.geomspace(x,y,3) np.searchsorted(x,y) np.digitize(x,y) np.isin(x,y) np.isclose(x,y) np.allclose(x,y)
np.array_equal(x,y) np.union1d(x,y) np.intersect1d(x,y) np.setdiff1d(x,y) np.setxor1d(x,y)
np.select([x>0],[y],default=x) np.choose([0,1],[x,y]) np.full_like(x,y) np.trapezoid(x,y) np.gradient(x,y)
np.diff(x,append=y) np.quantile(x,y) np.percentile(x,y) np.quantile(x,0.3,weights=y,method='inverted_cdf')
np.histogram(x,weights=y) np.histogram2d(x,y) np.bincount([0,1,1],y) np.linalg.solve(x,y) np.linalg.lstsq(x,y)
np.linalg.multi_dot([x,y]) np.linalg.cross(x,y) np.linalg.tensorsolve(x,y) np.meshgrid(x,y) np.broadcast_arrays(x,y)
np.pad(x,1,constant_values=y) np.piecewise(x,[x>0],[y,0]) np.nan_to_num(x,nan=y) np.sum(x,initial=y)
np.max(x,initial=y) np.sum(x,where=y) np.mean(x,where=y) np.prod(x,where=y) np.take(x,y) np.take(x,y,axis=0)
np.take_along_axis(x,y,0) np.repeat(x,y) np.compress(y,x) np.extract(y,x) np.unwrap(x,period=y) np.result_type(x,y)
np.divmod(x,y) np.float_power(x,y) set(x,0,y) set(x,...,y) set(x,slice(None),y) set(x,[0],y) set(x,x>0,y)
in_place('iadd',x,y) in_place('isub',x,y) in_place('imul',x,y) in_place('itruediv',x,y) in_place('ifloordiv',x,y)
in_place('imod',x,y) in_place('ipow',x,y) in_place('imatmul',x,y) in_place('iand',x,y) into(np.copyto,x,y)
into(np.put,x,[0],y) into(np.place,x,x>0,y) into(np.putmask,x,x>0,y) into(np.fill_diagonal,x,y)
into(np.add.at,x,[0,0],y) into(np.subtract.at,x,[0],y) into(np.multiply.at,x,[0,0],y) into(np.maximum.at,x,[0],y)
into(np.put_along_axis,x,np.array([0]),y,0) into('fill',x,y) out(np.add,x,y,x) out(np.multiply,x,y,x)
out(np.subtract,x,y,y) out(np.dot,x,y,x) out(np.clip,x,0,y,x)
"""
"""What is called with two operands."""


class Call(NamedTuple):
    """Something to call: its text, and how many operands it takes."""

    text: str
    count: int
    run: Callable[..., Any]


def calls() -> Iterator[Call]:
    for count, lines in ((1, OF_ONE), (2, OF_TWO)):
        for text in lines.split():
            yield Call(text, count, eval(f"lambda {'x, y'[: 3 * count - 2]}: {text}", HELPERS))
    ufuncs = [f for module in (np, sp) for f in vars(module).values() if isinstance(f, np.ufunc)]
    for ufunc in dict.fromkeys(ufuncs):
        if answer(ufunc) is None or ufunc.nin > 2:
            continue
        name = f"{'sp' if getattr(sp, ufunc.__name__, None) is ufunc else 'np'}.{ufunc.__name__}"
        yield Call(name, ufunc.nin, ufunc)
        if ufunc.nin == 2 and name.startswith("np") and ufunc.signature is None and ufunc.nout == 1:
            for method in ("reduce", "accumulate"):
                yield Call(f"{name}.{method}", 1, getattr(ufunc, method))
            yield Call(f"{name}.reduce(axis=-1)", 1, lambda x, u=ufunc: u.reduce(x, axis=-1, keepdims=True))
            yield Call(f"{name}.reduce(initial=1)", 1, lambda x, u=ufunc: u.reduce(x, initial=1))
            yield Call(f"{name}.reduceat", 1, lambda x, u=ufunc: u.reduceat(x, [0, 1]))
            yield Call(f"{name}.outer", 2, ufunc.outer)


def _set(x: Any, key: Any, y: Any) -> Any:
    z = +x if x.dtype != bool else x & True
    z[key] = y
    return z


def _in_place(name: str, x: Any, y: Any) -> Any:
    return getattr(operator, name)(x.copy(), y)


def _into(write: Any, x: Any, *args: Any) -> Any:
    z = x.copy()
    if write == "fill":
        z.fill(*args)
    else:
        write(z, *args)
    return z


def _out(function: Any, *args: Any) -> Any:
    *operands, out = args
    out = out.copy()
    return function(*operands, out=out), out


HELPERS = {"np": np, "set": _set, "in_place": _in_place, "into": _into, "out": _out}

# Operands ------------------------------------------------------------------------------------------------------------

PLAIN = [2, 1, 3, 0, 2, 5, 1, 4, 2, 3, 0, 1]
SIGNED = [-2, 1, 3, -1, 0, 2, -3, 1, 2, -1, 4, 0]
BROKEN = [0.5, -1.25, 2.5, 0.1, 0.75, 3.3, -0.6, 1.5, 0.3, -2.2, 0.9, 1.1]
SPECIAL = [0.0, -0.0, 1.0, np.inf, np.nan, -np.inf, -1.5, 2.0, -0.0, np.nan, 1e-5, 3.0]
VALUES = {"b": [SIGNED], "u": [PLAIN], "i": [SIGNED, PLAIN], "f": [BROKEN, SPECIAL, PLAIN], "c": [BROKEN, SPECIAL]}


def arrays(dtype: str) -> Iterator[tuple[str, Any]]:
    """Arrays of a dtype in every shape and layout, and NumPy's number."""
    kind = np.dtype(dtype).kind
    for which, entries in enumerate(VALUES[kind]):
        with np.errstate(all="ignore"):
            flat = np.array(entries).astype(dtype)
            if kind == "c":
                flat = (flat + 1j * np.array(entries[::-1])).astype(dtype)
        yield f"{dtype}[2,3]/{which}", flat[:6].reshape(2, 3)
        yield f"{dtype}[3]/{which}", flat[:3].copy()
        yield f"{dtype} number/{which}", flat[1]
        if which == 0:
            yield f"{dtype}[]", np.array(flat[2])
            yield f"{dtype}[0]", flat[:0].copy()
            yield f"{dtype}[1]", flat[1:2].copy()
            yield f"{dtype}[2,2]", flat[:4].reshape(2, 2)
            yield f"{dtype}[2,0]", flat[:0].reshape(2, 0)
            yield f"{dtype}[2,3] Fortran", np.asfortranarray(flat[:6].reshape(2, 3))
            yield f"{dtype}[4] backwards", flat[:4].copy()[::-1]
            yield f"{dtype}[2,2,2]", flat[:8].reshape(2, 2, 2)
            still = flat[:9].reshape(3, 3).copy()
            still.flags.writeable = False
            yield f"{dtype}[3,3] read-only", still
        if which == 1:
            yield f"{dtype}[5]/{which}", flat[2:7].copy()
            yield f"{dtype}[1,1]/{which}", flat[:1].reshape(1, 1)


NUMBERS: list[tuple[str, Any]] = [("2", 2), ("-1", -1), ("0.5", 0.5), ("1j", 1j), ("True", True), ("300", 300)]
NUMBERS += [("np.float32(0.3)", np.float32(0.3)), ("np.int8(3)", np.int8(3)), ("[1,2,3]", [1, 2, 3])]


def operands(count: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Operands of a call, with what they are."""
    dtypes = DTYPES.split()
    every = {dtype: list(arrays(dtype)) for dtype in dtypes}
    for one in dtypes:
        for name, x in every[one]:
            if count == 1:
                yield name, (x,)
                continue
            yield f"{name}, the same", (x, x)
            yield from ((f"{name}, {text}", (x, number)) for text, number in NUMBERS)
    for one, other in itertools.product(dtypes, repeat=2) if count == 2 else ():
        for name, x in every[one][::3]:
            for told, y in every[other]:
                if told.endswith(("[3]/0", "number/0")) or told.split("[")[-1] == name.split("[")[-1]:
                    yield f"{name}, {told}", (x, y)


# Comparing -----------------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a call comes to: a result or an error, and its warnings."""

    result: Any
    error: BaseException | None
    warned: frozenset[tuple[str, str]]


def outcome(run: Callable[..., Any], xs: tuple[Any, ...]) -> Outcome:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result, error = run(*xs), None
        except Exception as raised:
            result, error = None, raised
    return Outcome(result, error, frozenset((w.category.__name__, str(w.message)) for w in told))


def plainly(result: Any) -> list[Any]:
    """The parts of a result, recorded ones by their values."""
    if type(result) is Array:
        return [result._node.value]
    if isinstance(result, tuple | list):
        return [part for whole in result for part in plainly(whole)]
    return [result]


def recorded_as_it_is(x: Any) -> Array:
    """A recorded array with the value x; of integers too, which arise inside of functions only (`x > 0`)."""
    return Array(Node(None, (), {}, constant(x)))


def differences(run: Callable[..., Any], xs: tuple[Any, ...], recorded: tuple[bool, ...]) -> Iterator[tuple[str, str]]:
    """How a call on recorded arrays differs from NumPy's: the kind, and what it is."""
    own = outcome(run, xs)
    made = {id(x): recorded_as_it_is(x) for x, wanted in zip(xs, recorded, strict=True) if wanted}
    found = outcome(run, tuple(made[id(x)] if wanted else x for x, wanted in zip(xs, recorded, strict=True)))
    if own.error is not None:
        if found.error is None:
            yield "accepted", f"NumPy: {own.error!r}"[:200]
        elif not isinstance(found.error, type(own.error)) and not isinstance(found.error, ChainruleError):
            yield "error's class", f"{found.error!r} for {own.error!r}"[:300]
        return
    if found.error is not None:
        yield "refused" if isinstance(found.error, ChainruleError) else "error", f"{found.error!r}"[:300]
        return
    mine, theirs = plainly(found.result), plainly(own.result)
    if len(mine) != len(theirs):
        yield "value", f"{len(mine)} parts for {len(theirs)}"
        return
    for a, b in zip(mine, theirs, strict=True):
        yield from _parts_differ(a, b)
    if found.warned != own.warned:
        lost, more = own.warned - found.warned, found.warned - own.warned
        yield "warnings", f"lost {sorted(lost)}, more {sorted(more)}"


def _parts_differ(a: Any, b: Any) -> Iterator[tuple[str, str]]:
    told = f"{a} for {b}".replace("\n", "")
    if not isinstance(b, np.ndarray | np.generic):
        if type(a) is not type(b) or a != b:
            yield "kind", f"{a!r} for {b!r}"
    elif not isinstance(a, np.ndarray | np.generic):
        yield "kind", f"{a!r} for {b!r}"
    elif a.dtype != b.dtype:
        yield "dtype", f"{a.dtype} for {b.dtype}"
    elif a.shape != b.shape:
        yield "value", f"shape {a.shape} for {b.shape}"
    elif isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
        yield "kind", f"{type(a).__name__} for {type(b).__name__}"
    elif a.dtype.kind == "O":
        return
    elif not np.array_equal(a, b, equal_nan=True):
        with np.errstate(all="ignore"):
            few = a.dtype in (np.float16, np.float32, np.complex64)
            close = a.dtype.kind in "fc" and np.allclose(a, b, rtol=1e-2 if few else 1e-9, equal_nan=True)
        yield "digits" if close else "value", told
    elif a.dtype.kind in "fc" and not _same_signs(a, b):
        yield "signs of zero", told


def _same_signs(a: Any, b: Any) -> bool:
    parts = ((np.real(a), np.real(b)), (np.imag(a), np.imag(b)))
    return not any(np.any((np.signbit(part) != np.signbit(own)) & (own == 0)) for part, own in parts)


# What answers compute themselves -------------------------------------------------------------------------------------


class Rules:
    """While this is entered: what answers computed before they took over NumPy's value, where that is far away."""

    def __enter__(self) -> list[str]:
        self.adopted = numpy_value._adopted
        found: list[str] = []

        def watching(result: Any, value: Any, start: int, what: Any) -> Any:
            if type(result) is not Array or result._own.order > start:
                pairs = zip(plainly(result), plainly(value), strict=False)
                found.extend(f"{what}: {told}" for mine, own in pairs if (told := _far_away(mine, own)))
            return self.adopted(result, value, start, what)

        numpy_value._adopted = watching
        return found

    def __exit__(self, *_: Any) -> None:
        numpy_value._adopted = self.adopted


def _far_away(mine: Any, own: Any) -> str | None:
    if not all(isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "biufc" for x in (mine, own)):
        return None
    few = any(x.dtype in (np.float16, np.float32, np.complex64) for x in (mine, own))
    rtol, atol = (2e-2, 1e-2) if few else (1e-6, 1e-9)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if mine.shape == own.shape and np.allclose(mine, own, rtol, atol, equal_nan=True):
            return None
    return f"{mine} for {own}".replace("\n", "")[:200]


# What may differ -----------------------------------------------------------------------------------------------------

EXPECTED: list[tuple[str, str, str]] = [
    # A plain array cannot hold a gradient; NumPy hides the reason where it tries to read a number as a sequence.
    ("refused", "", "would lose"),
    ("refused", "out", "out= of numpy"),
    ("refused", "in_place", "out= of numpy"),
    ("error", "", "setting an array element with a sequence"),
    ("error", "initial=y", "(False, True)"),
    ("error's class", "", "setting an array element with a sequence"),
    # Honest refusals of what cannot be recorded.
    ("refused", "np.less(x,1,dtype=object)", "dtype object"),
    ("refused", "np.interp", "places that do not rise"),
    ("refused", "x[x>0]", "single boolean"),
    ("refused", "pinv(x,hermitian=True)", "not Hermitian"),
    ("refused", "into('fill',x,y)", "complex number"),
    ("refused", "set(", "complex number"),
    ("refused", "np.std", "real dtype"),
    ("refused", "np.var", "real dtype"),
    ("refused", "into(", "into a number"),
    ("refused", "into(", "complex number"),
    ("refused", "np.piecewise", "complex number"),
    ("error", "np.unwrap(x,period=y)", "broadcast"),
    # Which of two errors comes first.
    ("error's class", "set(", "for"),
    ("error's class", "np.repeat", "for"),
    # It calls functions of the user, so it is not run twice.
    ("accepted", "np.piecewise", ""),
    ("error's class", "np.piecewise", ""),
    # Truth values in functions made of several ufuncs.
    ("error", "sp.log_expit", "bool"),
    # NumPy takes some polynomials with two axes.
    ("error", "np.polydiv", "dimensions"),
    ("refused", "np.polydiv", "dimensions"),
    ("refused", "into(", "a number cannot be written into"),
    ("kind", "real_if_close", "for ndarray"),
    ("kind", "ifftn", "for ndarray"),
    ("kind", "out(np.dot,x,y,x)", "ndarray for"),
    # A recorded number has the attributes of an array.
    ("accepted", "like=x", "`like` argument"),
    ("accepted", "x.dot(x)", "has no attribute"),
    # Recorded is a copy without negative strides, and NumPy's loops have other last digits for other strides.
    ("digits", "", "backwards"),
    # NumPy's ** of an array without axes has other last digits than np.power, which is what asks a recorded exponent.
    ("digits", "x**y", "[]"),
    # Reductions step by step, where NumPy's own are wrong on some processors.
    ("value", ".reduce", "for"),
    ("rule", ".reduce", "for"),
    # Integers have no gradient, and inf and NaN none that a rule could tell.
    ("rule", "np.histogram", "complex"),
    ("rule", "where=y", "mean"),  # of truths that are numbers NumPy counts some twice
    ("rule", "", "float16"),
    ("rule", "", "int"),
    ("rule", "", "bool"),
    ("rule", "", "/1"),
]
"""Kind, a part of the call, and a part of what is told of each difference that is meant to be, or that is NumPy's."""


def is_expected(kind: str, call: str, told: str) -> bool:
    return any(kind == k and part in call and text in told for k, part, text in EXPECTED)


# The sweep -----------------------------------------------------------------------------------------------------------

Found = dict[tuple[str, str], list[str]]


def sweep(every: int = 1, only: str = "") -> tuple[int, Found]:
    """How many calls were tried, and what differs, by kind and call."""
    tried = 0
    found: Found = collections.defaultdict(list)
    inputs = {count: list(operands(count)) for count in (1, 2)}
    for number, call in enumerate(calls()):
        if only not in call.text:
            continue
        for name, xs in itertools.islice(inputs[call.count], number % every, None, every):
            for recorded in _which(xs):
                tried += 1
                with Rules() as rules:
                    told = list(differences(call.run, xs, recorded))
                told += [("rule", text) for text in dict.fromkeys(rules)] if not told else []
                for kind, text in dict.fromkeys(told):
                    case = f"{name} {recorded}: {text}"
                    mark = "expected " if is_expected(kind, call.text, case) else ""
                    found[mark + kind, call.text].append(case)
    return tried, found


def _which(xs: tuple[Any, ...]) -> list[tuple[bool, ...]]:
    """Which operands are recorded: each array alone, and all of them."""
    able = [isinstance(x, np.ndarray | np.generic) for x in xs]
    if len(xs) == 1 or not able[1] or xs[0] is xs[1]:
        return [tuple(able)]
    return [(True, False), (False, True), (True, True)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare recorded calls with NumPy's.")
    parser.add_argument("--every", type=int, default=1, help="take every n-th of the operands of each call")
    parser.add_argument("--only", default="", help="calls with this text only")
    parser.add_argument("--examples", type=int, default=1, help="how many examples of each difference are shown")
    options = parser.parse_args()
    tried, found = sweep(options.every, options.only)
    totals: collections.Counter[str] = collections.Counter()
    for (kind, text), cases in sorted(found.items()):
        totals[kind] += len(cases)
        if kind.startswith("expected"):
            continue
        print(f"{kind:14} {len(cases):6}  {text}")
        for case in cases[: options.examples]:
            print(f"{'':24}{case}")
    print(f"{tried} calls; differences: {dict(totals) or 'none'}")
    return int(any(not kind.startswith("expected") for kind in totals))


if __name__ == "__main__":
    sys.exit(main())
