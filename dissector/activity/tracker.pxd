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

cdef class ActivityTracker(ActivityTables):
    cdef dict _judged
    cpdef AuditContext answered(self, ConnectionRecord record)
    @cython.locals(profile=Profile, client=Client, connection=OpenConnection)
    cpdef closing(self, long long stream)
    @cython.locals(profile=Profile, host=Host, client=Client, connection=OpenConnection, now=cython.longlong, first=Takeover)
    cpdef AuditContext ended(self, ConnectionRecord record)
    @cython.locals(profile=Profile, host=Host, client=Client, now=cython.longlong, server=ServerHistory, connection=OpenConnection)
    cdef AuditContext _opened(self, ConnectionRecord record, FrameRef frame)
    @cython.locals(known=Credential, fresh=cython.bint)
    cdef _share(self, AuditContext context, Profile profile, FrameRef frame)
    @cython.locals(profile=Profile, server=Endpoint)
    cdef Profile _profile(self, ConnectionRecord record, long long now)
    cdef Host _host(self, Profile profile)
    @cython.locals(server=ServerHistory, bucket=cython.longlong)
    cdef ServerHistory _server(self, ConnectionRecord record, long long now)

cdef _property_text(ConnectionRecord record)
@cython.locals(bits=cython.int)
cdef int _profile_events(Profile profile, ConnectionRecord record) except -1
@cython.locals(event=CloseEvent)
cpdef bint client_active_since(ConnectionRecord record, long long since_ns) except -1
