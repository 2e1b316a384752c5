cimport cython
from dissector.connections.connection cimport CloseEvent, Connection, CaptureQuality
from dissector.connections.audit_context cimport AuditContext
from dissector.connections.profile cimport Profile, encapsulation_facts, client_address
from dissector.connections.entities cimport (
    Client,
    Credential,
    Host,
    Takeover,
    Refusal,
    ServerHistory,
    append_bounded,
)
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect

cdef long long BUCKET_NS

cdef class ActivityTracker:
    cdef readonly bytes key
    cdef readonly object profiles
    cdef readonly object hosts
    cdef readonly object clients
    cdef readonly object credentials
    cdef readonly object servers
    cdef readonly object stems
    cdef readonly object start_ns
    cdef object _once
    cdef dict _judged
    cdef readonly object capture
    cdef readonly long long period
    cpdef AuditContext answered(self, Connection connection)
    @cython.locals(profile=Profile, connect=Connect, now=cython.longlong, first=Takeover)
    cpdef AuditContext ended(self, Connection connection)
    @cython.locals(profile=Profile, host=Host, client=Client, now=cython.longlong, server=ServerHistory)
    cdef AuditContext _opened(self, Connection connection, Connect connect, Connack connack, FrameRef frame)
    @cython.locals(known=Credential)
    cdef _share(self, AuditContext context, Profile profile, Connection connection, FrameRef frame)
    @cython.locals(profile=Profile, server=Endpoint)
    cdef Profile _profile(self, Connection connection, Connect connect, Connack connack, long long now)
    cdef Host _host(self, Profile profile)
    @cython.locals(server=ServerHistory, bucket=cython.longlong)
    cdef ServerHistory _server(self, Connection connection, long long now)

@cython.locals(bits=cython.int)
cdef int _connection_flags(Profile profile, Connect connect) except -1
@cython.locals(event=CloseEvent)
cpdef bint client_active_since(Connection old, long long since_ns) except -1
