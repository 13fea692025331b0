"""The fault harness: agents with a known plan, faults by name, and a checker that accounts for every single event.

    plan        what each number stands for: an event or a packet, and back from a row to the number
    ledger      what was handed to an agent, and what it confirmed: the truth that everything is held against
    generator   `python -m tests.faults.generator`: real agents as a process that may be killed
    processes   child processes that are started again
    proxies     what is cut, slowed or made to refuse between the processes
    worlds      all of it together: broker, store, ingest, rules, agents
    stored      what the store has;  counted: what the rules have counted
    checker     lost, unexpected, duplicated, recovered, dropped, dead
    catalogue   the faults by name;  soak: `python -m tests.faults.soak`, the long run

`broken_ingest` acknowledges before it writes: the harness has to catch it.
"""
