"""`neurokit completion`, and how a shell asks what to offer.

Click answers the shells; what is changed is what they do with the answers. Behind a key or a folder
no space is put, as `train.epochs=` and `outputs/` go on. And bash, which takes `neurokit:demo.toml`
for three words, is asked about the line as it was typed.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from neurokit.cli.conventions import EPILOG

_VARIABLE = "_NEUROKIT_COMPLETE"

_BASH = """\
%(complete_func)s() {
    local typed=${COMP_LINE:0:COMP_POINT} known=' ' answer kind value
    local word=${typed##*[[:space:]]}
    # Readline replaces only what stands behind the last of the characters that part words.
    if [[ $word == *[:=]* ]]; then
        known=${word%%"${word##*[:=]}"}
    fi
    answer=$(COMP_WORDS=$typed %(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            plain)
                value=${value#"$known"}
                [[ $value == *[/=.] && $value != *.toml ]] && compopt -o nospace
                COMPREPLY+=("$(printf '%%q' "$value")") ;;
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
        esac
    done <<< "$answer"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local kind value help
    local -a answer whole parts described
    answer=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \\
        %(complete_var)s=zsh_complete "${words[1]}" 2>/dev/null)}")
    for kind value help in "${answer[@]}"; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files ;;
            plain)
                if [[ $help != _ ]]; then
                    described+=("$value:$help")
                elif [[ $value == *[/=.] ]]; then
                    parts+=("$value")
                else
                    whole+=("$value")
                fi ;;
        esac
    done
    (( $#described )) && _describe -V %(prog_name)s described -U
    (( $#parts )) && compadd -U -S '' -V parts -a parts
    (( $#whole )) && compadd -U -V whole -a whole
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


@add_completion_class
class Bash(BashComplete):
    """Bash, which passes the line up to the cursor."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is typed, and that one."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        begun = "" if not words or line[-1].isspace() else words.pop()
        return words[1:], begun


@add_completion_class
class Zsh(ZshComplete):
    """Zsh, with keys and folders that can be typed on."""

    source_template = _ZSH


_SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": FishComplete}


@click.command(epilog=EPILOG, short_help="Let a shell complete what is typed.")
@click.argument("shell", metavar="SHELL", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, recipes, keys, components and runs.

    \b
    To have it in every new shell:
      bash  neurokit completion bash >> ~/.bashrc
      zsh   neurokit completion zsh > ~/.zfunc/_neurokit
            where ~/.zshrc has, before compinit: fpath+=~/.zfunc
      fish  neurokit completion fish > ~/.config/fish/completions/neurokit.fish
    """
    group = ctx.find_root().command
    click.echo(_SHELLS[shell](group, {}, "neurokit", _VARIABLE).source(), nl=False)
