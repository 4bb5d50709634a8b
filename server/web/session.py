"""``GET /session``: one terminal's sealed session over a WebSocket.

How a terminal connects
-----------------------
1. TLS 1.3 to the relay's address; no certificate date or name is checked, but
   SHA-256 of the certificate's SubjectPublicKeyInfo must be the root document's pin.
   (``tls = false`` in ``relay.toml`` gives plain HTTP on loopback, for tests.)
2. ``GET /session``, WebSocket upgrade, no subprotocol, no compression.  All messages
   are binary; a text message, or one over 16 KiB, closes.
3. The handshake is one whole message each, in this order (types and machines:
   :mod:`protocol.handshake`, :mod:`protocol.relay_session`)::

       relay    -> greeting   signed day key and a fresh nonce
       terminal -> hello      HPKE to the day key: secret, key id, signature
       relay    -> ready      the first sealed cell; the key confirmation
       both     -> cells

   The terminal sends nothing after ``hello`` before it opened ``ready``.
4. Then each WebSocket message is exactly one cell (:mod:`protocol.line.cells`).
5. Objects on the line have a kind (:class:`protocol.line.frames.Kind`)::

       SUBMISSION  terminal -> relay  encode(Submit); answered by ACCEPT (index,
                                      leaf) and ACK when durable, or by CLOSE
       REQUEST     terminal -> relay  encode(Request); a Submit may come so too
       ANSWER      relay -> terminal  encode(Answer), on the lane of its request
       DELIVERY    relay -> terminal  encode(Delivery), on its submission's lane
       NOTICE      relay -> terminal  encode(Notice), lane 1

   The line's ACK of a DELIVERY acknowledges its cursor, as an Acknowledge request
   does.  The relay never sends a request.  What is owed and not acknowledged is
   sent again in each session, and once within a session: by lane, then by cursor,
   at most WINDOW under way (lane 0 and 1 beyond it).
6. The relay closes: 1000 when it drains, 1008 on any refusal (one code for all).
   10 s without progress before ``ready`` and 30 s after (nothing received *and*
   something owed, or nothing at all, a WebSocket ping included) end the connection.
   A lost answer is asked again in the next session with the same body.
"""
