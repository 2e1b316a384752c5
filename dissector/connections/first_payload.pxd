cimport cython

from dissector.connections.analysis_context cimport AnalysisContext
from dissector.net.consumer cimport FirstPayload

cdef class FirstPayloadDetector(FirstPayload):
    cdef AnalysisContext context
    cdef bytearray expected

    @cython.locals(data=bytes, expected=bytearray, first=cython.int, kind=str)
    cpdef str judge(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long ports, bint lost)
