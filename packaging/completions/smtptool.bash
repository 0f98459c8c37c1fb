# bash completion for smtptool, made by "smtptool completion bash"
# What may follow $command and $verb: options, those of them that take a value, and words.
_smtptool_choose()
{
    words=''
    options='-C --config -v --verbose -q --quiet --json -h --help '
    takes=' -C --config '
    case "$command $verb" in
    ' ')
        options+='--version'
        words='send sent bulk account preset oauth secret serve queue trace user config shaping warmup egress suppress feedback-loops explain lint verify domain spf dkim arc dmarc mta-sts tls-reports bench sendmail mailq newaliases msmtp swaks completion help'
        ;;
    'send '*)
        options+='--from --to --cc --bcc --header --eml --subject --text --html --markdown --reply-to --envelope-from --utf8 --template --var --dkim --idempotency-key --dsn --at --expire --verify --preflight --save-sent --no-record --record-body --prefer --mx --mx-port --queue --now --text-file --flowed --html-file --inline --attach --dsn-notify --dsn-ret --envid --priority --by --hold-for --hold-until --requiretls --dry-run --server --ca-file --hello --dns-zone --user --password-file --password-command --secret --account --from-policy --token --mechanism --connect-timeout --io-timeout --retries --backoff --connections --messages-per-connection -t --read-recipients '
        takes+='--from --to --cc --bcc --header --eml --subject --text --html --markdown --reply-to --envelope-from --template --var --dkim --idempotency-key --dsn --at --expire --save-sent --prefer --mx-port --text-file --html-file --inline --attach --dsn-notify --dsn-ret --envid --priority --by --hold-for --hold-until --server --ca-file --hello --dns-zone --user --password-file --password-command --secret --account --from-policy --mechanism --connect-timeout --io-timeout --retries --backoff --connections --messages-per-connection '
        ;;
    'sent '*)
        options+='--limit '
        takes+='--limit '
        ;;
    'bulk '*)
        options+='--account --active --allow-raw --attach --burst --ca-file --campaign --check-mx --connect-timeout --connections --dkim --dns-zone --dry-run --email-column --encoding --envelope-from --fallback --from --from-domain --from-policy --header --hello --html-file --in-doubt --inactive --io-timeout --job --keep-roles --kept --limit --list --markdown --mechanism --messages-per-connection --no-preflight --no-suppression --pass-wait --passes --pause-on --preflight --preview --queue --rate --reconfirm --removed --reply-to --sample --secret --segment --separator --server --split --stream --subject --suppress --tenant --text --text-file --to --token --type --unsubscribe-key --unsubscribe-mailto --unsubscribe-url --user --var --warmup --wave '
        takes+='--account --active --attach --burst --ca-file --campaign --connect-timeout --connections --dkim --dns-zone --email-column --encoding --envelope-from --fallback --from --from-domain --from-policy --header --hello --html-file --in-doubt --inactive --io-timeout --job --kept --limit --list --markdown --mechanism --messages-per-connection --pass-wait --passes --pause-on --preview --rate --removed --reply-to --sample --secret --segment --separator --server --split --stream --subject --tenant --text --text-file --to --type --unsubscribe-key --unsubscribe-mailto --unsubscribe-url --user --var --warmup --wave '
        ;;
    'account '*)
        options+='--preset --server --name --user --host --licence --secret --oauth --client-id --client-secret-ref --mechanism --keep --autoconfig --dns-zone --ca-file --default --yes --all '
        takes+='--preset --server --name --user --host --licence --secret --oauth --client-id --client-secret-ref --mechanism --keep --autoconfig --dns-zone --ca-file '
        ;;
    'oauth '*)
        options+='--provider --client-id --client-secret-ref --loopback --device --client-credentials --tenant --scope --user --port --open --browser --wait --ca-file --show --renew --server '
        takes+='--provider --client-id --client-secret-ref --tenant --scope --user --port --browser --wait --ca-file '
        ;;
    'secret '*)
        options+='--passphrase --passphrase-file --keyring --credential --key-file --check '
        takes+='--passphrase-file --keyring --credential --key-file '
        ;;
    'serve '*)
        options+='--dns-zone --one-process '
        takes+='--dns-zone '
        ;;
    'queue '*)
        options+='--to --from --rcpt --held --all --repair '
        takes+='--to --from --rcpt '
        ;;
    'trace '*)
        options+='--file --id --message-id --recipient --transcript '
        takes+='--file --id --message-id --recipient '
        ;;
    'user '*)
        options+='--senders --password-file --label --scope '
        takes+='--senders --password-file --label --scope '
        ;;
    'config '*)
        options+='--origin '
        takes+=''
        ;;
    'shaping '*)
        options+='--dns-zone '
        takes+='--dns-zone '
        ;;
    'warmup '*)
        options+='--day --cap --pause --resume --done '
        takes+='--day --cap '
        ;;
    'egress '*)
        options+='--dns-zone '
        takes+='--dns-zone '
        ;;
    'suppress '*)
        options+='--tenant --stream --reason --for --note --limit --format --days '
        takes+='--tenant --stream --reason --for --note --limit --format --days '
        ;;
    'feedback-loops '*)
        options+='--all '
        takes+=''
        ;;
    'explain '*)
        options+='--stage --host '
        takes+='--stage --host '
        ;;
    'lint '*)
        options+='--envelope-from --date --note-too --rules '
        takes+='--envelope-from --date '
        ;;
    'verify '*)
        options+='--ip --helo --from --receiver --sealer --time --dns-zone '
        takes+='--ip --helo --from --receiver --sealer --time --dns-zone '
        ;;
    'domain '*)
        options+='--dns-zone --resolver --mx --spf --dkim --ip --at '
        takes+='--dns-zone --at '
        ;;
    'spf '*)
        options+='--ip --from --helo --receiver --dns-zone '
        takes+='--ip --from --helo --receiver --dns-zone '
        ;;
    'dkim '*)
        options+='--type --out --key --domain --selector --identity --purpose --names --canon --valid --fields --time --dns-zone --status --abort --wait --resolver '
        takes+='--type --out --key --domain --selector --identity --purpose --names --canon --valid --time --dns-zone '
        ;;
    'arc '*)
        options+='--key --domain --results --names --fields --time --dns-zone '
        takes+='--key --domain --results --names --time --dns-zone '
        ;;
    'dmarc '*)
        options+='--from --spf --dkim --psl --xml --dns-zone '
        takes+='--from --spf --dkim --psl --dns-zone '
        ;;
    'mta-sts '*)
        options+='--mx --mode --max-age --id --file --dns-zone --timeout '
        takes+='--mx --mode --max-age --id --file --dns-zone --timeout '
        ;;
    'bench send')
        options+='--server --tls --ca --timeout --workers --connections --duration --i-own-this-server --messages --rate --stagger --size --per-connection --rcpts --domains --from --to --user --secret --no-pipelining --record '
        takes+='--server --ca --timeout --workers --connections --duration --messages --rate --stagger --size --per-connection --rcpts --domains --from --to --user --secret --record '
        ;;
    'bench sink')
        options+='--listen --addresses --every --rules --report --lmtp --discard --once --expose --certificate --key --record --slow --reply --messages --duration --workers '
        takes+='--listen --addresses --every --rules --report --certificate --key --record --slow --reply --messages --duration --workers '
        ;;
    'bench idle')
        options+='--server --tls --ca --timeout --workers --connections --duration --i-own-this-server --opening '
        takes+='--server --ca --timeout --workers --connections --duration --opening '
        ;;
    'sendmail '*)
        options+='-f --f -r --r -F --F -N --N -R --R -V --V -O --O -C --C -t --t -i --i -b --b -q --q -o --o -B --B -v --v -X --X '
        takes+='-f --f -r --r -F --F -N --N -R --R -V --V -O --O -C --C -b --b -o --o -B --B -X --X '
        ;;
    'msmtp '*)
        options+='-a --account -C --file --host --port --source-ip --proxy-host --proxy-port --socket --timeout --protocol --domain --auth --user --passwordeval --tls --tls-starttls --tls-trust-file --tls-crl-file --tls-fingerprint --tls-key-file --tls-cert-file --tls-certcheck --tls-priorities --tls-host-override --tls-min-dh-prime-bits -f --from --auto-from --maildomain -t --read-recipients --read-envelope-from --aliases -N --dsn-notify -R --dsn-return -X --logfile --logfile-time-format --syslog --set-from-header --set-date-header --set-msgid-header --remove-bcc-headers --undisclosed-recipients --configure -S --serverinfo --rmqs -P --pretend -d --debug --version '
        takes+='-a --account -C --file --host --port --source-ip --proxy-host --proxy-port --socket --timeout --protocol --domain --user --passwordeval --tls-trust-file --tls-crl-file --tls-fingerprint --tls-key-file --tls-cert-file --tls-priorities --tls-host-override --tls-min-dh-prime-bits -f --from --maildomain --aliases -N --dsn-notify -R --dsn-return -X --logfile --logfile-time-format --configure --rmqs '
        ;;
    'swaks '*)
        options+='--config -s --server -p --port --local-interface --local-port --copy-routing --4 --6 --socket --pipe -t --to --cc --bcc -f --from -h --helo -q --quit-after --drop-after --drop-after-send --timeout --protocol --pipeline --prdr --force-getpwuid --tls --tls-optional --tls-optional-strict --tls-on-connect --tls-protocol --tls-cipher --tls-verify --tls-verify-host --tls-verify-target --tls-ca-path --tls-cert --tls-key --tls-chain --tls-get-peer-cert --tls-get-peer-chain --tls-sni -a --auth --auth-optional --auth-optional-strict --auth-user --auth-password --auth-extra --auth-map --auth-plaintext --auth-hide-password --xclient --xclient-addr --xclient-name --xclient-port --xclient-proto --xclient-destaddr --xclient-destport --xclient-helo --xclient-login --xclient-reverse-name --xclient-delim --xclient-no-verify --xclient-before-starttls --xclient-optional --xclient-optional-strict --proxy --proxy-version --proxy-family --proxy-protocol --proxy-command --proxy-source --proxy-source-port --proxy-dest --proxy-dest-port -d --data --dump-as-body --dump-as-body-shows-password --body --attach --attach-body --attach-type --attach-name --add-header --header --no-data-fixup --no-strip-from -n --suppress-data --show-time-lapse --no-info-hints --no-send-hints --no-receive-hints --no-hints --show-raw-text --output-file --output-file-stdout --output-file-stderr --protect-prompt --hide-receive --hide-send --hide-informational --hide-all -S --silent --support --dump-mail --dump --help --version '
        takes+='--config -s --server -p --port --local-interface --local-port --copy-routing --socket --pipe -t --to --cc --bcc -f --from -h --helo -q --quit-after --drop-after --drop-after-send --timeout --protocol --tls-protocol --tls-cipher --tls-verify-target --tls-ca-path --tls-cert --tls-key --tls-chain --tls-get-peer-cert --tls-get-peer-chain --tls-sni -a --auth --auth-optional --auth-optional-strict --auth-user --auth-password --auth-extra --auth-map --auth-hide-password --xclient --xclient-addr --xclient-name --xclient-port --xclient-proto --xclient-destaddr --xclient-destport --xclient-helo --xclient-login --xclient-reverse-name --proxy --proxy-version --proxy-family --proxy-protocol --proxy-command --proxy-source --proxy-source-port --proxy-dest --proxy-dest-port -d --data --dump-as-body --body --attach --attach-body --attach-type --attach-name --add-header --header --show-time-lapse --output-file --output-file-stdout --output-file-stderr -S --silent --dump '
        ;;
    esac
    case "$command $verb" in
    'sent ') words='ls show' ;;
    'bulk ') words='run status pause resume cancel report clean unsubscribe-verify' ;;
    'account ') words='add ls show test watch default rm' ;;
    'preset ') words='ls show' ;;
    'oauth ') words='login setup status token revoke ls' ;;
    'secret ') words='set edit get ls rm rekey test' ;;
    'queue ') words='ls show why hold release retry rm flush stats fsck' ;;
    'user ') words='add list rm password senders disable enable second-factor app-password' ;;
    'config ') words='check show schema reload' ;;
    'shaping ') words='show' ;;
    'warmup ') words='show set' ;;
    'egress ') words='ls check' ;;
    'suppress ') words='add rm check ls import export campaigns' ;;
    'explain ') words='reply bounce' ;;
    'domain ') words='add check plan-change ls rm' ;;
    'spf ') words='eval tree' ;;
    'dkim ') words='keygen dns sign verify rotate' ;;
    'arc ') words='verify seal' ;;
    'dmarc ') words='walk eval record reports' ;;
    'mta-sts ') words='policy check' ;;
    'tls-reports ') words='read ls show' ;;
    'bench ') words='send sink idle' ;;
    'completion ') words='bash zsh fish' ;;
    esac
}

_smtptool()
{
    local word=${COMP_WORDS[COMP_CWORD]} command='' verb='' options takes words before i
    COMPREPLY=()
    _smtptool_choose
    for ((i = 1; i < COMP_CWORD; i++)); do
        before=${COMP_WORDS[i]}
        if [[ $takes == *" $before "* ]]; then
            [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
            ((++i >= COMP_CWORD)) && return # a value: bash offers files
        elif [[ $before != -* && -z $command ]]; then
            command=$before
            _smtptool_choose
        elif [[ $before != -* && -z $verb ]]; then
            verb=$before
            _smtptool_choose
        fi
    done
    [[ $word == -* ]] && words=$options
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _smtptool smtptool
