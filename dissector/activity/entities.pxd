cimport cython
from dissector.activity.profile cimport Profile
from dissector.connections.record cimport ConnectionRecord
from dissector.model cimport FrameRef

@cython.locals(size=cython.longlong)
cpdef long long text_bytes(value) except -1
cpdef tuple latest(tuple kept, item, Py_ssize_t limit=*)

cdef class Refusal:
    cdef readonly str client_id
    cdef readonly FrameRef frame
    cdef readonly str password
    cdef readonly str secret
    cdef readonly tuple server
    cdef readonly long long time_ns
    cdef readonly long long took_ns
    cdef readonly str username

cdef class Refusals:
    cdef readonly object items
    cdef dict _usernames
    cdef dict _passwords
    cdef dict _pairs
    @cython.locals(oldest=Refusal)
    cpdef add(self, Refusal refusal)
    cdef _count(self, Refusal refusal, long long step)
    @cython.locals(item=Refusal, found=list)
    cpdef list since(self, long long time_ns)
    @cython.locals(item=Refusal, found=list)
    cpdef list by_server(self, tuple server, long long since_ns)

cdef _add(dict counts, str key, long long step)

cdef class Host:
    cdef readonly str ip
    cdef readonly str mac
    cdef public Refusals refusals
    cdef public tuple connects_without_id
    cdef public tuple silent
    cdef public tuple malformed_times
    cdef readonly dict throttled
    cdef readonly dict persistent_sessions
    cpdef refused(self, Refusal refusal)
    cpdef note_rejection(self, tuple server, long long now)
    cpdef note_malformed(self, long long time_ns)
    cpdef bint keep_session(self, str client_id, Py_ssize_t limit) except -1

cdef class OpenConnection:
    cdef readonly long long stream
    cdef public bint closed
    cdef public tuple takeovers_by

cdef class Client:
    cdef public tuple live
    cdef public tuple connects
    cdef public tuple takeovers
    cdef public Profile known
    cdef public long long count
    @cython.locals(connection=OpenConnection)
    cpdef OpenConnection ended(self, long long stream)

cdef class Takeover:
    cdef readonly str ip
    cdef readonly str mac
    cdef readonly long long stream
    cdef readonly str username
    cdef readonly FrameRef frame

cdef class Credential:
    cdef public tuple client_ids
    cdef public tuple addresses
    cdef public tuple macs
    cdef public tuple frames
    cpdef bint add_host(self, str ip, mac) except -1

cdef class ServerHistory:
    cdef readonly long long bucket
    cdef readonly set newcomers
    cdef readonly object rates
