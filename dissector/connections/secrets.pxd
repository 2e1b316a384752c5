cimport cython
from dissector.mqtt.packets.connect cimport Connect

cpdef bint is_default(str username, bytes password) except -1
@cython.locals(text=str)
cpdef weakness(bytes password, str username, long long least)
@cython.locals(
    password=bytes,
    folded=bytes,
    bare=bytes,
    stripped=bytes,
    source=bytes,
    low=bytes,
    size=Py_ssize_t,
    hashed=cython.bint,
)
cpdef derivation(Connect connect, str mac, long long least)
@cython.locals(found=list)
cdef list _sources(str client_id, str username, str mac)
cdef tuple _base64(bytes source)
cdef _hash_of(bytes password, set sources)
@cython.locals(password=bytes, username=str, default=cython.bint)
cpdef password_facts(Connect connect, str mac, long long short, long long derived_length)
@cython.locals(parts=list)
cpdef token_times(bytes password)
@cython.locals(head=bytes, text=str, substring=str)
cpdef will_content(bytes message)
