"""Doctor: says what an installation lacks, and the fix for each.

Promises that each check ends within its limit with one of four outcomes, that all run at once and one that breaks
spoils no other, and that no outcome holds a secret. Changes nothing, but for one key in Redis and one file in the state
directory that are gone when it ends. Does not promise that a check which is fine stays so.
"""
