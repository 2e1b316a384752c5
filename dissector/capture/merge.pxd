cimport cython
from dissector.capture.batch cimport Batch

@cython.locals(time_ns=cython.p_longlong, at=Py_ssize_t, stop=Py_ssize_t)
cpdef Py_ssize_t run_end(Batch batch, Py_ssize_t at, long long limit) except -1

cpdef long long time_at(Batch batch, Py_ssize_t at) except *
