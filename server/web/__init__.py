"""The edge: HTTP, WebSocket and sockets; it decides nothing."""
