"""A process that writes books: opens and settles calls, and prints the id of each once its opening returned.

python writing_process.py URL CALLS      (0 calls: until it is killed)
"""

import asyncio
import os
import sys

from fakes.books import a_settlement, an_opening
from wellhead.database.engine import make_engine
from wellhead.ledger.writer import Writer

CONCURRENT = 32


async def write(writer: Writer, calls: int) -> None:
    left = iter(range(calls)) if calls else iter(int, 1)

    async def one_after_the_other(model: str) -> None:
        for _ in left:
            call = an_opening(writer.next_id(), model=model)
            await writer.open(call)
            os.write(sys.stdout.fileno(), b"%d\n" % call.id)
            writer.settle(call, a_settlement())

    async with asyncio.TaskGroup() as group:
        for n in range(CONCURRENT):
            group.create_task(one_after_the_other(f"model-{n % 3}"))


def main() -> None:
    engine = make_engine(sys.argv[1])
    writer = Writer(engine)
    writer.start()
    asyncio.run(write(writer, int(sys.argv[2])))
    writer.close()
    assert writer.settlements_lost == 0


if __name__ == "__main__":
    main()
