cimport cython
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.connections.connection cimport CaptureQuality, Connection
from dissector.connections.mqtt_direction cimport MqttDirection
from dissector.connections.event_sink cimport EventSink
from dissector.net.reassembly cimport TcpConnection

cdef tuple _ENDINGS

cpdef bint midstream(TcpConnection tcp) except -1
cpdef bint ambiguous(TcpConnection tcp) except -1
cpdef bint conflicting(Connection connection, TcpConnection tcp) except -1
cpdef bint pending(TcpConnection tcp) except -1
@cython.locals(quality=CaptureQuality)
cpdef record_gap(EventSink sink, Connection connection, tuple gap, who, long long order)
cpdef update_quality(CaptureQuality quality, TcpConnection tcp, int reason, long long time_ns)
cpdef tuple gap_of(AnalysisContext context, MqttDirection direction, long long missing, long long frame, long long time_ns, str reason)
