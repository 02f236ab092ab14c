"""`duma completion`: the script with which a shell completes the words of `duma`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
      bash, in ~/.bashrc:     eval "$(duma completion bash)"
      zsh, in ~/.zshrc:       eval "$(duma completion zsh)"
      fish:                   duma completion fish > ~/.config/fish/completions/duma.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # click has these three
    program = ctx.find_root().info_name or "duma"
    click.echo(found(ctx.find_root().command, {}, program, "_DUMA_COMPLETE").source())
