"""WebSocket (RFC 6455) without I/O: its handshake, its compression (RFC 7692), its messages.

Frames are wsproto's. Nothing here is imported before a client asks for a WebSocket.
"""
