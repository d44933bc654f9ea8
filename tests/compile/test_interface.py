"""What compiled code takes for granted of Python's and NumPy's objects is so in this process."""

import ctypes

import numpy as np
import pytest

from chainrule.compile import interface
from chainrule.compile.signatures import DTYPES

KINDS = {"float32": ctypes.c_float, "float64": ctypes.c_double, "int32": ctypes.c_int32, "int64": ctypes.c_int64}
KINDS |= {"bool": ctypes.c_bool}


def field(thing, offset, kind=ctypes.c_void_p):
    return kind.from_address(id(thing) + offset).value


@pytest.mark.parametrize("x", [1.5, 7, None, np.float32(1), np.zeros(3)])
def test_an_object_begins_with_its_type(x):
    assert field(x, interface.TYPE) == id(type(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_scalar_of_numpy_has_its_number_behind_its_type(dtype):
    assert field(np.dtype(dtype).type(1), interface.NUMBER, KINDS[dtype]) == 1


def test_a_float_of_python_has_its_number_behind_its_type():
    assert field(2.75, interface.NUMBER, ctypes.c_double) == 2.75


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 5)])
def test_the_fields_of_an_array(dtype, shape):
    x = np.zeros(shape, dtype)
    assert field(x, interface.DATA) == x.ctypes.data
    assert field(x, interface.NDIM, ctypes.c_int) == x.ndim
    assert field(x, interface.DTYPE) == id(np.dtype(dtype))
    if shape:
        assert tuple((ctypes.c_int64 * x.ndim).from_address(field(x, interface.LENGTHS))) == shape


@pytest.mark.parametrize(
    ("x", "writeable"),
    [(np.zeros((2, 3)), True), (np.zeros((2, 3)).T, False), (np.broadcast_to(np.zeros(3), (2, 3)), False)],
)
def test_the_flags_of_an_array(x, writeable):
    wanted = interface.C_CONTIGUOUS | interface.ALIGNED | interface.WRITEABLE
    found = field(x, interface.FLAGS, ctypes.c_int)
    assert (found & wanted == wanted) is writeable
    assert bool(found & interface.C_CONTIGUOUS) is x.flags.c_contiguous
    assert bool(found & interface.WRITEABLE) is x.flags.writeable


def test_the_table_has_an_address_for_each_name():
    found = dict(zip(interface.TABLE, interface.addresses(), strict=True))
    assert all(found.values())
    assert found["ndarray"] == id(np.ndarray)
    assert found["dtype float32"] == id(np.dtype("float32"))
