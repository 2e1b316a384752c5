cimport cython
from dissector.activity.context cimport AuditContext
from dissector.activity.entities cimport (
    Client,
    Credential,
    Host,
    OpenConnection,
    Takeover,
    Refusal,
    ServerHistory,
    latest,
)
from dissector.activity.profile cimport Profile, profile_of
from dissector.activity.tables cimport ActivityTables
from dissector.connections.connection cimport CloseEvent
from dissector.connections.record cimport ConnectionRecord
from dissector.model cimport Endpoint, FrameRef

cdef long long BUCKET_NS
cdef int TLS_PORT
cdef long long _ACCEPTED, _AFTER_DENIAL, _ANONYMOUS, _CHANGED, _CONNACK_TEXT, _CONNECT
cdef long long _CREDENTIALS, _DENIED, _ENDED, _FLEET, _FROM_BRIDGE, _IN_CLEAR
cdef long long _KEEP_ALIVE, _KEPT_SESSION, _LATE, _NEW_CLIENT, _NO_KEEP_ALIVE, _NUMBERED
cdef long long _OLD_VERSION, _PASSWORD, _PROFILE, _RECONNECT, _REFUSED, _RETAINED_WILL
cdef long long _SERVED, _SHARED, _SILENT, _SPLIT_CONNECT, _TAKEN_OVER, _TLS_PORT
cdef long long _USER_NAME_ONLY, _WILL, _WITH_FINDINGS
cdef str _LAST_DIGITS

cdef class ActivityTracker(ActivityTables):
    cdef dict _judged
    cdef bint _old_versions
    cdef long long _keep_alive_least
    cdef long long _keep_alive_most
    cdef long long _learning_ns
    cdef Py_ssize_t _quick_retries
    cdef Py_ssize_t _shared_clients
    cdef Py_ssize_t _storm_clients
    cpdef set_limits(self, limits)
    cpdef AuditContext answered(self, ConnectionRecord record)
    @cython.locals(profile=Profile, client=Client, connection=OpenConnection)
    cpdef closing(self, long long stream)
    @cython.locals(profile=Profile, host=Host, client=Client, connection=OpenConnection, now=cython.longlong, first=Takeover)
    cpdef AuditContext ended(self, ConnectionRecord record)
    @cython.locals(profile=Profile, host=Host, client=Client, now=cython.longlong, server=ServerHistory, connection=OpenConnection, times=tuple, shared=Credential)
    cdef AuditContext _opened(self, ConnectionRecord record, FrameRef frame)
    @cython.locals(known=Credential, fresh=cython.bint)
    cdef _share(self, AuditContext context, Profile profile, FrameRef frame)
    @cython.locals(profile=Profile, server=Endpoint)
    cdef Profile _profile(self, ConnectionRecord record, long long now)
    @cython.locals(bits=cython.longlong)
    cdef long long _profile_events(self, Profile profile, ConnectionRecord record) except -1
    @cython.locals(bits=cython.longlong, seconds=cython.longlong, odd=cython.bint)
    cdef long long _accepted_events(self, Profile profile) except -1
    cdef Host _host(self, Profile profile)
    @cython.locals(server=ServerHistory, bucket=cython.longlong)
    cdef ServerHistory _server(self, ConnectionRecord record, long long now)

cdef _property_text(ConnectionRecord record)
@cython.locals(event=CloseEvent)
cpdef bint client_active_since(ConnectionRecord record, long long since_ns) except -1
