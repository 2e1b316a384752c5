cimport cython
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.connections.connection cimport CaptureQuality, Connection
from dissector.connections.direction cimport MqttDirection
from dissector.connections.event_sink cimport EventSink
from dissector.net.tcp cimport TcpConnection

cpdef bint midstream(TcpConnection tcp) except -1
cpdef bint ambiguous(TcpConnection tcp) except -1
cpdef bint conflicting(Connection connection, TcpConnection tcp) except -1
cpdef bint pending(TcpConnection tcp) except -1
@cython.locals(quality=CaptureQuality)
cpdef record_gap(EventSink sink, Connection connection, tuple gap, who, long long order)
cpdef tuple gap_of(AnalysisContext context, MqttDirection direction, long long missing, long long frame, long long time_ns, str reason)
