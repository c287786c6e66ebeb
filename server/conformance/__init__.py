"""`precheck conformance`: tells a vendor's developers what was made of their messages, one by one.

    endpoint.py     a server of its own, on a store of its own, that tells what arrives
    watching.py     the entrance, watched: which field of a message became which fact
    examine.py      what one message came to: understood, not understood, decided
    advice.py       what its sender should look at
    coverage.py     all messages together: what was never sent, and what the rules wait for
    samples.py      the sample messages, and whether they arrive byte for byte
    text.py         all of it in Chinese, for a person

Nothing here reads a message: the entrance does, and what it reads is noted. So a report cannot say anything else than
the server that judges.
"""
