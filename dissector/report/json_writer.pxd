cimport cython
from dissector.model cimport Endpoint, FrameRef
from dissector.report.json_buffer cimport JsonBuffer

cdef int _SECRETS_KEPT, _SECRET_SIZE, _SECONDS_KEPT, _PROPERTIES_KEPT, _PROPERTIES_SIZE, _SHARED_KEPT
cdef int _ANY, _TEXT, _TIME, _SECRET, _PROPERTIES, _OBJECT, _OBJECTS, _INLINE, _ENDPOINT_PLAN, _FRAME_PLAN
cdef object _ENUM_TYPE, _RAW, _STRUCT

@cython.final
cdef class FieldStep:
    cdef object field
    cdef int kind
    cdef object chosen
    cdef bytes key
    cdef readonly bytes absent
    cdef str attribute
    cdef object function
    cdef object descriptor
    cdef Plan members
    cdef FieldStep otherwise
    cdef dict written

@cython.final
cdef class Plan:
    cdef readonly tuple steps
    cdef int layout
    cdef object bound
    @cython.locals(step=FieldStep)
    cdef bind(self, kind)

@cython.final
cdef class JsonWriter:
    cdef readonly JsonBuffer buffer
    cdef public int digits
    cdef bint _show_secrets
    cdef bytes _key
    cdef bint _several
    cdef long long _second
    cdef bytes _second_text
    cdef dict _seconds
    cdef dict _secrets
    cdef dict _sections
    cdef dict _plans
    cdef dict _tuples
    cpdef share(self, tuple values)
    @cython.locals(steps=list)
    cpdef Plan plan(self, tuple fields, bytes start=*)
    @cython.locals(step=FieldStep, key=bytes, members=Plan)
    cdef FieldStep _step(self, field, bytes before)
    cpdef write(self, Plan plan, record)
    @cython.locals(start=Py_ssize_t)
    cpdef bytes encoded(self, Plan plan, record)
    @cython.locals(start=Py_ssize_t)
    cpdef bytes encoded_value(self, value)
    @cython.locals(buffer=JsonBuffer, step=FieldStep)
    cdef _members(self, Plan plan, record)
    @cython.locals(buffer=JsonBuffer, ip=FieldStep, port=FieldStep, mac=FieldStep)
    cdef _endpoint(self, Plan plan, Endpoint record)
    @cython.locals(buffer=JsonBuffer, steps=tuple, file=FieldStep, number=FieldStep, time=FieldStep)
    cdef _frame(self, Plan plan, FrameRef record)
    cdef _string(self, str text)
    @cython.locals(buffer=JsonBuffer, written=dict, start=Py_ssize_t)
    cdef _shared(self, FieldStep step, value)
    @cython.locals(buffer=JsonBuffer)
    cdef _rarer(self, FieldStep step, value)
    @cython.locals(other=FieldStep)
    cdef _absent(self, FieldStep step, record)
    @cython.locals(plan=Plan)
    cdef _chosen(self, FieldStep step, value)
    @cython.locals(buffer=JsonBuffer, before=bytes)
    cdef _objects(self, FieldStep step, values)
    @cython.locals(number=cython.longlong, overflow=cython.int)
    cdef _integer(self, value)
    @cython.locals(buffer=JsonBuffer, second=cython.longlong, rest=cython.longlong)
    cdef _time(self, long long time_ns)
    cdef bytes _second_of(self, long long second)
    @cython.locals(buffer=JsonBuffer)
    cdef _text(self, FieldStep step, str value)
    cdef _any(self, FieldStep step, value)
    cdef _converted(self, value)
    @cython.locals(buffer=JsonBuffer, number=cython.double)
    cdef bint _plain(self, value) except -1
    @cython.locals(buffer=JsonBuffer, start=Py_ssize_t, before=bytes, shared=tuple)
    cdef bint _list(self, values) except -1
    @cython.locals(buffer=JsonBuffer, start=Py_ssize_t, before=bytes, done=cython.bint)
    cdef bint _object(self, dict values) except -1
    @cython.locals(plan=Plan)
    cdef _struct(self, value)
    @cython.locals(text=bytes)
    cdef bytes _redacted(self, bytes secret)
    @cython.locals(buffer=JsonBuffer, found=tuple)
    cdef _properties(self, FieldStep step, tuple properties)
    cdef tuple _section(self, tuple properties)
    cdef _set_property(self, dict record, str name, item)
