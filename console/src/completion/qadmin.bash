# Completion of qadmin: the program answers, also with names of queues, tasks, fields and jobs of the server.
_clap_complete_qadmin() {
    # Bash splits words at colons and equals signs. They are joined again, because names of queues contain colons.
    local rest=$COMP_LINE last=-1 i word
    local words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((last >= 0)) && [[ $rest != [[:blank:]]* ]]; then
            words[last]+=$word
        else
            rest=${rest#"${rest%%[![:blank:]]*}"}
            last=$((last + 1))
            words[last]=$word
        fi
        rest=${rest#"$word"}
    done
    local reply
    reply=$(_CLAP_IFS=$'\013' _CLAP_COMPLETE_INDEX=$last _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
        _CLAP_COMPLETE_SPACE=false COMPLETE=bash qadmin -- "${words[@]}" 2> /dev/null) || return 0
    # No word of the reply is expanded.
    local IFS=$'\013'
    read -r -d '' -a COMPREPLY <<< "$reply"$'\013'
    unset 'COMPREPLY[${#COMPREPLY[@]}-1]'
    # What is before the last colon is in the line already.
    local breaks=${COMP_WORDBREAKS//[^:=]/}
    local current=${words[last]}
    if [[ -n $breaks && $current == *["$breaks"]* ]]; then
        local before=${current%"${current##*["$breaks"]}"}
        COMPREPLY=("${COMPREPLY[@]#"$before"}")
    fi
    if [[ ${#COMPREPLY[@]} -ne 1 || ! ${COMPREPLY[0]} =~ [=/:,]$ ]]; then
        compopt +o nospace 2> /dev/null
    fi
    return 0
}
if [[ ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 || ${BASH_VERSINFO[0]} -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_qadmin qadmin
else
    complete -o nospace -o bashdefault -F _clap_complete_qadmin qadmin
fi
