"""What survives: the journal of inputs, snapshots of the state, and parting both anew among shards."""
