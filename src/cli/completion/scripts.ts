/**
 * One small script for each shell. Each asks `lading __complete <words>` what fits: lines of `value<TAB>help`, and at last
 * `:files`, `:folders` or `:none` for what the shell itself may add.
 */

const bash = String.raw`# lading completion for bash: source it, for example from ~/.bashrc
_lading() {
  local IFS=$'\n' line cur words
  # Bash cuts words at ':' and '='; lading wants them whole.
  local before="\${COMP_LINE:0:COMP_POINT}"
  IFS=$' \t' read -r -a words <<< "$before"
  [[ "$before" == *[[:space:]] ]] && words+=("")
  cur="\${words[\${#words[@]}-1]}"
  local cut="\${cur%"\${cur##*[:=]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "\${cur##*=}")) ;;
      :folders) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "\${cur##*=}")) ;;
      :none) ;;
      *) line="\${line%%$'\t'*}"
         [[ "$line" == *: || "$line" == *= ]] && compopt -o nospace 2>/dev/null
         COMPREPLY+=("\${line#"$cut"}") ;;
    esac
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _lading lading
`.replaceAll("\\$", "$");

const zsh = String.raw`#compdef lading
# lading completion for zsh: put it into a folder of $fpath as _lading, or source it after compinit
_lading() {
  local line value
  local -a values
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      :files) _files ;;
      :folders) _files -/ ;;
      :none) ;;
      *) value="\${line%%$'\t'*}"
         values+=("\${value//:/\\:}:\${line#*$'\t'}") ;;
    esac
  done
  (( \${#values} )) && _describe 'lading' values
}
compdef _lading lading
`.replaceAll("\\$", "$");

const fish = `# lading completion for fish: put it into ~/.config/fish/completions/lading.fish
function __lading_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command $words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':folders'
                __fish_complete_directories (commandline -ct)
            case ':none'
            case '*'
                echo $line
        end
    end
end
complete -c lading -f -a '(__lading_complete)'
`;

const powershell = `# lading completion for PowerShell: add it to $PROFILE
Register-ArgumentCompleter -Native -CommandName lading -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    if ($wordToComplete -eq '') { $words += '' }
    & $words[0] __complete @($words | Select-Object -Skip 1) 2>$null | ForEach-Object {
        $value, $help = $_ -split [char]9, 2
        switch ($value) {
            ':none' { }
            { $_ -in ':files', ':folders' } {
                Get-ChildItem -Path "$wordToComplete*" -ErrorAction SilentlyContinue |
                    Where-Object { $value -eq ':files' -or $_.PSIsContainer } |
                    ForEach-Object { [System.Management.Automation.CompletionResult]::new((Resolve-Path -Relative $_.FullName)) }
            }
            default {
                $tip = if ($help) { $help } else { $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $tip)
            }
        }
    }
}
`;

export const scripts = { bash, zsh, fish, powershell } as const;

/** The script for the same program under another name; a shell keeps scripts of both names apart. */
export function scriptFor(shell: keyof typeof scripts, program: string): string {
  return scripts[shell].replaceAll("lading", program);
}
