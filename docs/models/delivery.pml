/* Delivery of N records from one sender to one terminal, through a relay.
 *
 * Every interleaving of: deposits, answers, deliveries, confirmations and receipts that
 * are lost, repeated and reordered; a relay that forgets all it stored; a terminal that
 * dies between receiving and committing; a prekey that is gone (nack and reseal).  With
 * MALICE the relay also drops what it confirmed.  FAULTS bounds how much goes wrong, so
 * that every run ends.  What holds at every step:
 *
 *   D1  a record is shown at most once                       (DEL-11, B3)
 *   D2  what the sender released is in the terminal's vault  (DEL-4)
 *   D3  the floor covers only what is in the vault           (DEL-8, B13)
 *
 * and at every end:
 *
 *   D4  honest relay: all is delivered and released, and no hole is left (DEL-1, DEL-7)
 *   D5  malicious relay: each record is delivered, or people were told   (DEL-6)
 *
 * Matches docs/spec/delivery-and-streams.md and protocol/{delivery,mailbox,streams}.py.
 * Each -D of run.sh takes one safeguard out, and Spin must then find the harm.
 */
#ifndef N
#define N 2
#endif
#define SLIPS 2                     /* seals of one record: at most one reseal */
#ifndef FAULTS
#define FAULTS 2
#endif
#define KEY(r) ((r) * SLIPS + slip[r])
#define CURRENT(q) ((q) % SLIPS == slip[(q) / SLIPS])

mtype = { SEALED, STORED, DELIVERED };
mtype state[N] = SEALED;            /* the sender's machines */
bit released[N];
bit overdue[N];
byte slip[N];                       /* which seal is the current one */
byte seq[N];                        /* its place: r + 1, given once */
bit asked[N];                       /* the terminal asked for a resend */
bit forgotten[N];                   /* the sender knows that the relay lost it */
bit tried[N];                       /* deposited at least once */

bit up[N * SLIPS];                  /* on their way */
bit answer[N * SLIPS];
bit down[N * SLIPS];
bit confirm[N * SLIPS];
bit nack[N * SLIPS];

bit known[N * SLIPS];               /* the relay's mailbox */
bit waiting[N * SLIPS];

bit came[N];                        /* the terminal: received, not yet committed */
bit vault[N];                       /* durable */
bit place[N + 3];                   /* durable: places that arrived */
byte floor;                         /* durable */
bit receipt[N];                     /* durable: due until it arrived */
byte shown[N];

byte faults = FAULTS;

/* What a mutant changes; without one each is the safeguard. */
#ifdef MUTANT_NO_RETRY
#define MAY_DEPOSIT(r) !tried[r]
#else
#define MAY_DEPOSIT(r) true
#endif
#ifdef MUTANT_NO_DEDUP
#define IN_VAULT(r) false
#else
#define IN_VAULT(r) vault[r]
#endif
#ifdef MUTANT_RECEIPT_BEFORE_COMMIT
#define EARLY(r) receipt[r] = 1
#else
#define EARLY(r) skip
#endif
#ifdef MUTANT_RELEASE_ON_STORED
#define ON_STORED(r) released[r] = 1
#else
#define ON_STORED(r) skip
#endif
#ifdef MUTANT_NEW_PLACE
#define RESEALED(r) seq[r] = N + 1
#else
#define RESEALED(r) skip
#endif
#ifdef MUTANT_NO_DOUBT
#define LOST(r) skip
#else
#define LOST(r) forgotten[r] = 1
#endif
#ifdef MUTANT_NO_DEADLINE
#define DEADLINE(r) skip
#else
#define DEADLINE(r) overdue[r] = (state[r] != DELIVERED)
#endif
#ifdef MUTANT_FLOOR_IS_TOP
#define RAISE_FLOOR floor = top
#else
#define RAISE_FLOOR do :: place[floor + 1] -> floor++ :: else -> break od
#endif
#ifdef MUTANT_OLD_ANSWERS
#define OLD_SESSION(q) skip
#else
#define OLD_SESSION(q) up[q] = 0; answer[q] = 0; down[q] = 0; confirm[q] = 0
#endif
#ifdef MALICE
#define DROPS(q) waiting[q]
#else
#define DROPS(q) false
#endif

/* What a step that shows, releases or moves the floor leaves behind; the vault only
 * grows, so nothing else can break it. */
#define CHECK(r) \
  assert(shown[r] <= 1);                                       /* D1 */ \
  assert(!released[r] || vault[r]);                            /* D2 */ \
  assert((floor < 1 || vault[0]) && (floor < 2 || vault[1]) && \
         (floor < N || vault[N - 1]))                          /* D3 */

#define FOR_RECORD(r) \
  :: atomic { state[r] == SEALED && MAY_DEPOSIT(r) && !up[KEY(r)] && !answer[KEY(r)] -> \
       up[KEY(r)] = 1; tried[r] = 1 } \
  :: atomic { forgotten[r] -> forgotten[r] = 0; \
       if :: state[r] == STORED -> state[r] = SEALED :: else fi } \
  :: atomic { receipt[r] -> receipt[r] = 0; state[r] = DELIVERED; released[r] = 1; \
       CHECK(r) } \
  :: atomic { came[r] -> came[r] = 0; vault[r] = 1; shown[r]++; \
       place[seq[r]] = 1; top = (seq[r] > top -> seq[r] : top); RAISE_FLOOR; \
       receipt[r] = (state[r] != DELIVERED); CHECK(r) } \
  :: atomic { came[r] && faults > 0 -> faults--; came[r] = 0 } \
  :: atomic { !vault[r] && !asked[r] && state[r] == STORED && top > r + 1 -> \
       asked[r] = 1; state[r] = SEALED }

#define FOR_SEAL(q, r) \
  :: atomic { up[q] -> up[q] = 0; answer[q] = 1; \
       if :: known[q] :: else -> known[q] = 1; waiting[q] = 1 fi } \
  :: atomic { answer[q] -> answer[q] = 0; \
       if :: CURRENT(q) && state[r] == SEALED -> state[r] = STORED; \
             ON_STORED(r); CHECK(r) \
          :: else fi } \
  :: atomic { waiting[q] && !down[q] -> down[q] = 1 } \
  :: atomic { confirm[q] -> confirm[q] = 0; waiting[q] = 0 } \
  :: atomic { down[q] && IN_VAULT(r) -> down[q] = 0; confirm[q] = 1; \
       receipt[r] = (state[r] != DELIVERED) } \
  :: atomic { down[q] && !IN_VAULT(r) && !came[r] -> down[q] = 0; \
       came[r] = 1; EARLY(r) } \
  :: atomic { down[q] && !vault[r] && !came[r] && q % SLIPS == 0 && !nack[q] && \
       slip[r] == 0 && faults > 0 -> \
       faults--; down[q] = 0; nack[q] = 1; confirm[q] = 1 } \
  :: atomic { nack[q] -> nack[q] = 0; \
       if :: CURRENT(q) && state[r] != DELIVERED -> \
             slip[r] = 1; state[r] = SEALED; tried[r] = 0; RESEALED(r) \
          :: else fi } \
  :: atomic { up[q] && faults > 0 -> faults--; up[q] = 0 } \
  :: atomic { answer[q] && faults > 0 -> faults--; answer[q] = 0 } \
  :: atomic { down[q] && faults > 0 -> faults--; down[q] = 0 } \
  :: atomic { confirm[q] && faults > 0 -> faults--; confirm[q] = 0 } \
  :: atomic { known[q] && !down[q] && faults > 0 -> faults--; down[q] = 1 } \
  :: atomic { DROPS(q) -> waiting[q] = 0 }

byte top;                           /* the highest place that arrived */

/* The relay's disk is gone, and with it every session: nothing of an old session may
 * arrive later.  Without these four zeros Spin finds a record that is never delivered:
 * "stored" overtakes the news that the relay forgot (DEL-20). */
inline forget(q, r) {
  if :: known[q] -> LOST(r) :: else fi;
  known[q] = 0; waiting[q] = 0;
  OLD_SESSION(q)
}

active proctype World() {
  seq[0] = 1; seq[1] = 2;
#if N > 2
  seq[2] = 3;
#endif
  do
  FOR_RECORD(0)
  FOR_RECORD(1)
  FOR_SEAL(0, 0)
  FOR_SEAL(1, 0)
  FOR_SEAL(2, 1)
  FOR_SEAL(3, 1)
#if N > 2
  FOR_RECORD(2)
  FOR_SEAL(4, 2)
  FOR_SEAL(5, 2)
#endif
  :: atomic { faults > 0 -> faults--; /* the relay's disk is gone */
       forget(0, 0); forget(1, 0); forget(2, 1); forget(3, 1);
#if N > 2
       forget(4, 2); forget(5, 2)
#endif
     }
  :: else -> break
  od;
  atomic { /* nothing moves any more: the deadline passes */
    DEADLINE(0); DEADLINE(1);
#if N > 2
    DEADLINE(2);
#endif
#ifdef MALICE
    assert((vault[0] || overdue[0]) && (vault[1] || overdue[1]) &&
           (vault[N - 1] || overdue[N - 1]))                            /* D5 */
#else
    assert(vault[0] && vault[1] && vault[N - 1]);                       /* D4 */
    assert(released[0] && released[1] && released[N - 1]);
    assert(floor == N)
#endif
  }
}
