"""Engine: durable runs of stages, in Redis. Knows no GitHub, no model, no stage by name.

The road of a run, always the same:

    submit ──► due set ──► advance (claim) ──► steps ──► advance (commit + claim) ──► … ──► done
                 ▲                                                │
                 └────────── sweep: lease ran out, timer, signal, never woken ◄──────────┘

Invariants. Code and tests quote them by name:

    L1  At most one live fencing token for a subject and role; a write with an older one is refused.
    C1  A checkpoint never changes once it is accepted.
    S1  A step that finished is never executed again for the same fingerprint.
    R1  Every accepted run ends in a terminal state, as long as a worker of each role lives.
    W1  No parked run sleeps past its wake time by more than the sweep interval plus the lease.
    A1  The journal accounts for every transition: folded, it gives the stored state.

(E1, one comment and one review, belongs to effects; B1, spend within the cap, to budgets.)

Where to look:

    lifecycle   the two tables: what may follow what            scripts/  the atomic changes (Lua)
    graph       stages, needs, roles, limits                    store     the way to the scripts
    request, records, operation   what goes in, comes back, and is told
    session     one worker's hold on one run                    attempt   one try of one stage
    context     steps, waits, decisions                         worker    heartbeat, sweep, wake-ups
    wakeup      the port; wakeup_arq its carrier                owner     which process, and whether it is dead
    retry, fingerprint, journal, errors, settings               values
"""
