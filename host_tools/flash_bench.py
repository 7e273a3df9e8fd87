"""Flash bench: flashes the boards of many ports at the same time, and says how each of them ended.

A bench that is stopped leaves each board as one alone would be left, and says how that is.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from host_tools.endings import Ended
from host_tools.flash_screen import Bench, Work
from host_tools.flash_steps import Tools
from host_tools.ports import PortError, find_ports


def bench_ports(named: list[str]) -> list[str]:
    """Return the named ports, or all there are, each once; PortError where there is none."""
    # Two names of one port would be two programs at one board.
    ports = list({os.path.realpath(port): port for port in named or find_ports()}.values())
    if not ports:
        raise PortError("no serial port was found; plug the boards in, or name their ports")
    return ports


def flash_all(ports: list[str], flash: Callable[[Work, Tools], bool], tools: Tools) -> int:
    """Flash the boards of all ports; 0 all passed, 1 one failed."""
    bench = Bench(ports)

    def sleep(seconds: float) -> None:
        bench.check()
        tools.sleep(seconds)

    def one(port: str) -> bool:
        def tell(text: str) -> None:
            bench.show(port, text)

        def show(text: str) -> None:
            bench.check()
            tell(text)

        work = Work(port, tell, show, is_one_of_many=True)
        work.name("board")
        return flash(work, replace(tools, sleep=sleep))

    with ThreadPoolExecutor(len(ports)) as pool:
        flashing: list[Future[bool]] = []
        try:
            for port in ports:
                flashing.append(pool.submit(one, port))
            wait(flashing)
        except (KeyboardInterrupt, Ended) as reason:
            bench.stop(reason)
            wait(flashing)
            raise
        finally:
            bench.end()
    passed = [done.result() for done in flashing]
    print(f"{sum(passed)} of {len(ports)} passed")
    return 0 if all(passed) else 1
