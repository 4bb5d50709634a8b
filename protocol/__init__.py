"""Documents and machines: what is said, believed and refused, without I/O.

A tour, from the bottom:

* ``errors``, ``limits``, ``fields``, ``codec`` -- what a peer can do wrong, every
  bound, one type per field, the one encoding.  ``by_position`` reads the commonest
  faster.
* ``label``, ``policy`` -- classifications and clearances as a lattice, and the
  numbers that root holders sign.
* ``bodies``, ``machine_bodies``, ``record_type``, ``record`` -- what people write and
  what machines say.  ``receipt``, ``regrade`` -- what is said about a record later.
* ``slip``, ``envelope``, ``leaf``, ``nack``, ``courier`` -- one sealing of a record,
  how it travels, and "seal it to me again".
* ``decision`` -- may it go, may it be shown, who must sign.  ``genuine``,
  ``acceptance``, ``admit``, ``receiver`` -- what a receiver believes of what it
  opened, in order.  ``history`` -- the same of an old record that is sent again.
* ``signed``, ``root``, ``root_check``, ``trusted_root``, ``root_chain``,
  ``root_file``, ``root_end`` -- the one thing that is believed first, and its
  successors.
* ``directory_entry``, ``directory_rules``, ``restriction``, ``key_log_entry``,
  ``proposal`` -- what changes the directory.  ``directory_adopt``,
  ``directory_changes``, ``restrictions``, ``zeroising``, ``directory_state`` -- what
  a leaf makes of it.  ``trusted_directory`` is its door; ``directory_view`` is what
  others may ask, ``directory_snapshot`` answers.  ``bulletins`` -- past a hostile
  relay.
* ``manifest``, ``trusted_manifest``, ``prekey_erasure`` -- keys to be reached by.
* ``note``, ``checkpoint``, ``cosignature``, ``witness_policy``, ``trusted_log``,
  ``witness``, ``witnessed_time`` -- logs, and whose word makes them true.  ``tiles``,
  ``tlog_proof``, ``mirror_page``, ``vkey`` -- the same for readers without us.
* ``delivery``, ``given``, ``streams``, ``stream_store``, ``heartbeat``,
  ``clone_watch``, ``mailbox``, ``backoff`` -- machines: where a record stands, that
  none is lost.
* ``handshake``, ``client_session``, ``relay_session``, ``line``, ``requests`` -- a
  terminal and its relay.
* ``incident``, ``evidence`` -- reports from a post; proofs for a stranger.

Rules that hold throughout: the time and randomness are arguments; bytes that are
signed are verified as they came and never encoded again; verifying raises; every
table of states is printed by the specification.  The chapters are docs/spec/.
"""
