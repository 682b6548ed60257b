"""A process that spends: many calls at once against whatever budget there is; prints how many were admitted.

python spending_process.py URL CALLS

Every token costs a cent.  A call reserves four tokens and uses all of them.
"""

import asyncio
import sys

from fakes.books import a_settlement, an_opening
from fakes.prices import CENT, CentPerToken
from wellhead.database.engine import make_engine
from wellhead.errors import Refused
from wellhead.ledger.rules import Rules
from wellhead.ledger.writer import Writer
from wellhead.usage import Usage

RESERVED = (1, 3)
CALL_NANOUSD = sum(RESERVED) * CENT
ALL_OF_IT = a_settlement(usage=Usage(input_tokens=1, output_tokens=3, total_tokens=4))


async def spend(writer: Writer, calls: int) -> int:
    async def one() -> int:
        call = an_opening(writer.next_id(), hold_input_tokens=RESERVED[0], hold_output_tokens=RESERVED[1])
        try:
            await writer.open(call)
        except Refused:
            return 0
        await asyncio.sleep(0.01)
        writer.settle(call, ALL_OF_IT)
        return 1

    return sum(await asyncio.gather(*[one() for _ in range(calls)]))


def main() -> None:
    engine = make_engine(sys.argv[1])
    writer = Writer(engine, rules=Rules(prices=CentPerToken()))
    writer.start()
    sys.stdout.write(f"{asyncio.run(spend(writer, int(sys.argv[2])))}\n")
    writer.close()


if __name__ == "__main__":
    main()
