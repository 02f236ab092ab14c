"""The option syntax of the juba* commands and the table of a server's options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma.server.command_line import HelpRequested, Kind, Option, UsageError, parse, usage
from duma.server.options import ServerOptions, command_options, declarations, parse_server_options


def refusal(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_server_options(words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--rpc-port", "19199"], "rpc_port", 19199),
        (["--rpc-port=19199"], "rpc_port", 19199),
        (["-p", "19199"], "rpc_port", 19199),
        (["-p", " +19199"], "rpc_port", 19199),
        (["-p", "0019199"], "rpc_port", 19199),
        (["-DTp", "19199"], "rpc_port", 19199),
        (["-p", "1", "-p", "2", "--rpc-port=3"], "rpc_port", 3),
        (["-", "word", "-D", "another"], "daemon", True),
        (["--datadir="], "datadir", ""),
        (["--datadir", "--daemon"], "datadir", "--daemon"),
        (["-f", "-"], "configpath", "-"),
        (["--configpath=a=b"], "configpath", "a=b"),
        (["-t", "0"], "timeout", 0),
        (["-x", "anything"], "mixer", "anything"),
        (["-Z", "-1"], "zookeeper_timeout", -1),
        (["--max_message_size=64M"], "max_message_size", 64 << 20),
        (["--max_message_size", "2048"], "max_message_size", 2048),
        (["--max_buffered_size", "1G"], "max_buffered_size", 1 << 30),
    ],
)
def test_words_give_values(words: list[str], field: str, value: object) -> None:
    assert getattr(parse_server_options(words), field) == value


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-p9199"], "option needs value: --rpc-port"),
        (["-p"], "option needs value: --rpc-port"),
        (["--rpc-port"], "option needs value: --rpc-port"),
        (["-pD", "9199"], "option needs value: --rpc-port"),
        (["--nothing"], "undefined option: --nothing"),
        (["--nothing=1"], "undefined option: --nothing"),
        (["-h"], "undefined short option: -h"),
        (["-q"], "undefined short option: -q"),
        (["--daemon=yes"], "option value is invalid: --daemon=yes"),
        (["-p", "1.5"], "option value is invalid: --rpc-port=1.5"),
        (["-p", "10s"], "option value is invalid: --rpc-port=10s"),
        (["-p", "10 "], "option value is invalid: --rpc-port=10 "),
        (["-p", ""], "option value is invalid: --rpc-port="),
        (["-p", "０"], "option value is invalid: --rpc-port=０"),
        (["-p", "0"], "option value is invalid: --rpc-port=0"),
        (["-p", "65536"], "option value is invalid: --rpc-port=65536"),
        (["-c", "0"], "option value is invalid: --thread=0"),
        (["-t", "-1"], "option value is invalid: --timeout=-1"),
        (["-s", "-1"], "option value is invalid: --interval_sec=-1"),
        (["-i", "-1"], "option value is invalid: --interval_count=-1"),
        (["-Z", "2147483648"], "option value is invalid: --zookeeper_timeout=2147483648"),
        (["--max_message_size", "1T"], "option value is invalid: --max_message_size=1T"),
        (["--max_connections", "0"], "option value is invalid: --max_connections=0"),
        (["--first", "--second"], "undefined option: --first"),
    ],
)
def test_first_mistake_is_named(words: list[str], text: str) -> None:
    assert refusal(*words).startswith(text)


@pytest.mark.parametrize("words", [["-?"], ["--help"], ["--nothing", "-?"], ["-p", "x", "--help"], ["-D?"]])
def test_help_wins_over_mistakes(words: list[str]) -> None:
    with pytest.raises(HelpRequested):
        parse_server_options(words)


def test_mandatory_options() -> None:
    command = Option("cmd", "c", Kind.STRING, "", "command", required=True)
    options = [command, Option("x", "x", Kind.FLAG, False, "")]
    assert parse(options, ["-c", "read"]) == {"cmd": "read", "x": False}
    with pytest.raises(HelpRequested):
        parse(options, [])
    with pytest.raises(UsageError, match=r"^need option: --cmd$"):
        parse(options, ["-x"])
    assert usage("tool", options).startswith("usage: tool --cmd=string [options] ... \n")


def test_defaults_are_those_of_jubatus() -> None:
    options = parse_server_options([])
    assert options == ServerOptions()
    assert (options.rpc_port, options.thread, options.timeout, options.datadir) == (9199, 2, 10, "/tmp")
    assert (options.mixer, options.interval_sec, options.interval_count) == ("linear_mixer", 16, 512)
    assert (options.zookeeper_timeout, options.interconnect_timeout) == (10, 10)
    assert not any((options.listen_addr, options.listen_if, options.logdir, options.log_config))
    assert not any((options.configpath, options.model_file, options.zookeeper, options.name))
    assert not any((options.daemon, options.config_test, options.version))


def test_letters_and_order_are_those_of_jubatus() -> None:
    options = [option for option in command_options() if option.short]
    assert "".join(option.short for option in options) == "pbBctdlgfmDTznxsiZIv"
    names = (
        "rpc-port listen_addr listen_if thread timeout datadir logdir log_config configpath model_file daemon"
    )
    names += " config_test zookeeper name mixer interval_sec interval_count zookeeper_timeout"
    names += " interconnect_timeout version"
    assert [option.name for option in options] == names.split()


def test_usage_lists_every_option_in_order() -> None:
    text = usage("jubaclassifier", command_options())
    lines = text.splitlines()
    assert lines[:2] == ["usage: jubaclassifier [options] ... ", "options:"]
    shown = [line.split("--")[1].split()[0] for line in lines[2:]]
    assert shown == [*(option.name for option in command_options()), "help"]
    assert any("-p, --rpc-port " in line and line.endswith("port number (int [=9199])") for line in lines)
    assert any("-d, --datadir " in line and line.endswith("(string [=/tmp])") for line in lines)
    assert any("-D, --daemon " in line and not line.endswith(")") for line in lines)


def test_no_two_options_share_a_name_or_letter() -> None:
    table = declarations()
    for names in ([d.option.name for d in table], [d.serve.name for d in table]):
        assert len(set(names)) == len(names)
    letters = [d.option.short for d in table if d.option.short]
    assert len(set(letters)) == len(letters)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_words_are_options_or_a_mistake(words: list[str]) -> None:
    try:
        parse_server_options(words)
    except HelpRequested:
        assert any("?" in word or word == "--help" for word in words)
    except UsageError:
        assert words
