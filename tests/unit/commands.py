"""Commands as a person types them: what `lsev` says of input that it does not take."""

import pytest

from host_tools.cli import main


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is said on standard error; nothing may be printed on standard output."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lsev: ")
    return err
