# fish completion for smtptool, made by "smtptool completion fish"
complete -c smtptool -l config -s C -r
complete -c smtptool -l verbose -s v
complete -c smtptool -l quiet -s q
complete -c smtptool -l json
complete -c smtptool -l help -s h
complete -c smtptool -n __fish_use_subcommand -l version
complete -c smtptool -f -n __fish_use_subcommand -a send -d 'send one message and show what happened'
complete -c smtptool -f -n __fish_use_subcommand -a sent -d 'what `send` has sent from here: did it leave?'
complete -c smtptool -f -n __fish_use_subcommand -a bulk -d 'one mailing to many, each recipient once'
complete -c smtptool -f -n __fish_use_subcommand -a account -d 'your accounts at mail providers: add, test, watch'
complete -c smtptool -f -n __fish_use_subcommand -a preset -d 'mail providers: servers, logins, quotas, rules'
complete -c smtptool -f -n __fish_use_subcommand -a oauth -d 'log in at a provider, and have tokens from then on'
complete -c smtptool -f -n __fish_use_subcommand -a secret -d 'sealed files of secrets; where any secret comes from'
complete -c smtptool -f -n __fish_use_subcommand -a serve -d 'run the server'
complete -c smtptool -f -n __fish_use_subcommand -a queue -d 'what waits, and why; hold, release, retry, remove'
complete -c smtptool -f -n __fish_use_subcommand -a trace -d 'the life of one message'
complete -c smtptool -f -n __fish_use_subcommand -a user -d 'who may log in here'
complete -c smtptool -f -n __fish_use_subcommand -a config -d 'check, show and explain the configuration'
complete -c smtptool -f -n __fish_use_subcommand -a shaping -d 'how much may go where, how fast, and what is in the way'
complete -c smtptool -f -n __fish_use_subcommand -a warmup -d 'how much new addresses may send, and changing that'
complete -c smtptool -f -n __fish_use_subcommand -a egress -d 'the addresses that mail leaves by, and how it stands with them'
complete -c smtptool -f -n __fish_use_subcommand -a suppress -d 'addresses that nothing is sent to any more'
complete -c smtptool -f -n __fish_use_subcommand -a feedback-loops -d 'who tells us of complaints, and who could'
complete -c smtptool -f -n __fish_use_subcommand -a explain -d 'what a refusal or a bounce means, and what to do'
complete -c smtptool -f -n __fish_use_subcommand -a lint -d 'what is wrong with a message, and by which clause'
complete -c smtptool -f -n __fish_use_subcommand -a verify -d 'what a receiver finds out about a message, and why'
complete -c smtptool -f -n __fish_use_subcommand -a domain -d 'keys for a domain, and what the DNS must say of it'
complete -c smtptool -f -n __fish_use_subcommand -a spf -d 'who may send as a domain, and what its policy says'
complete -c smtptool -f -n __fish_use_subcommand -a dkim -d 'make keys, say what to publish, sign and verify'
complete -c smtptool -f -n __fish_use_subcommand -a arc -d 'check the chain of those who handled a message'
complete -c smtptool -f -n __fish_use_subcommand -a dmarc -d 'where a domain\'s DMARC policy is, and what it does'
complete -c smtptool -f -n __fish_use_subcommand -a mta-sts -d 'make an MTA-STS policy, or see whether one works'
complete -c smtptool -f -n __fish_use_subcommand -a tls-reports -d 'what others report of TLS on the way to us, and we of theirs'
complete -c smtptool -f -n __fish_use_subcommand -a bench -d 'load generator and sink, for measuring a server'
complete -c smtptool -f -n __fish_use_subcommand -a sendmail -d 'a message from stdin to the server here, as Postfix\'s does it'
complete -c smtptool -f -n __fish_use_subcommand -a mailq -d 'what waits in the server here, as Postfix\'s mailq shows it'
complete -c smtptool -f -n __fish_use_subcommand -a newaliases -d 'says why there is nothing to do'
complete -c smtptool -f -n __fish_use_subcommand -a msmtp -d 'a message from stdin to the server of an account in msmtprc'
complete -c smtptool -f -n __fish_use_subcommand -a swaks -d 'one SMTP transaction, every line shown, as swaks does it'
complete -c smtptool -f -n __fish_use_subcommand -a completion -d 'let your shell complete our command lines'
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l to -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l cc -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l bcc -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l header -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l eml -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l subject -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l text -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l html -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l markdown -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l reply-to -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l envelope-from -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l utf8
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l template -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l var -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dkim -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l idempotency-key -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dsn -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l at -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l expire -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l verify
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l preflight
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l save-sent -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l no-record
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l record-body
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l prefer -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l mx
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l mx-port -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l queue
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l now
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l text-file -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l flowed
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l html-file -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l inline -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l attach -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dsn-notify -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dsn-ret -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l envid -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l priority -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l by -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l hold-for -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l hold-until -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l requiretls
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dry-run
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l server -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l ca-file -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l hello -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l password-file -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l password-command -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l secret -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l account -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l from-policy -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l token
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l mechanism -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l connect-timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l io-timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l retries -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l backoff -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l connections -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l messages-per-connection -r
complete -c smtptool -n '__fish_seen_subcommand_from send; and not __fish_seen_subcommand_from bench' -l read-recipients -s t
complete -c smtptool -n '__fish_seen_subcommand_from sent' -l limit -r
complete -c smtptool -f -n '__fish_seen_subcommand_from sent; and not __fish_seen_subcommand_from ls show' -a 'ls show'
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l account -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l active -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l allow-raw
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l attach -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l burst -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l ca-file -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l campaign -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l check-mx
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l connect-timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l connections -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l dkim -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l dry-run
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l email-column -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l encoding -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l envelope-from -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l fallback -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l from-domain -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l from-policy -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l header -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l hello -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l html-file -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l in-doubt -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l inactive -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l io-timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l job -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l keep-roles
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l kept -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l limit -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l list -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l markdown -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l mechanism -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l messages-per-connection -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l no-preflight
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l no-suppression
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l pass-wait -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l passes -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l pause-on -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l preflight
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l preview -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l queue
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l rate -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l reconfirm
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l removed -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l reply-to -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l sample -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l secret -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l segment -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l separator -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l server -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l split -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l stream -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l subject -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l suppress
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l tenant -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l text -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l text-file -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l to -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l token
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l type -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l unsubscribe-key -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l unsubscribe-mailto -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l unsubscribe-url -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l var -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l warmup -r
complete -c smtptool -n '__fish_seen_subcommand_from bulk' -l wave -r
complete -c smtptool -f -n '__fish_seen_subcommand_from bulk; and not __fish_seen_subcommand_from run status pause resume cancel report clean unsubscribe-verify' -a 'run status pause resume cancel report clean unsubscribe-verify'
complete -c smtptool -n '__fish_seen_subcommand_from account' -l preset -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l server -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l name -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l host -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l licence -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l secret -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l oauth -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l client-id -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l client-secret-ref -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l mechanism -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l keep -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l autoconfig -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l ca-file -r
complete -c smtptool -n '__fish_seen_subcommand_from account' -l default
complete -c smtptool -n '__fish_seen_subcommand_from account' -l yes
complete -c smtptool -n '__fish_seen_subcommand_from account' -l all
complete -c smtptool -f -n '__fish_seen_subcommand_from account; and not __fish_seen_subcommand_from add ls show test watch default rm' -a 'add ls show test watch default rm'
complete -c smtptool -f -n '__fish_seen_subcommand_from preset; and not __fish_seen_subcommand_from ls show' -a 'ls show'
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l provider -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l client-id -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l client-secret-ref -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l loopback
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l device
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l client-credentials
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l tenant -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l scope -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l port -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l open
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l browser -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l wait -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l ca-file -r
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l show
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l renew
complete -c smtptool -n '__fish_seen_subcommand_from oauth' -l server
complete -c smtptool -f -n '__fish_seen_subcommand_from oauth; and not __fish_seen_subcommand_from login setup status token revoke ls' -a 'login setup status token revoke ls'
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l passphrase
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l passphrase-file -r
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l keyring -r
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l credential -r
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l key-file -r
complete -c smtptool -n '__fish_seen_subcommand_from secret' -l check
complete -c smtptool -f -n '__fish_seen_subcommand_from secret; and not __fish_seen_subcommand_from set edit get ls rm rekey test' -a 'set edit get ls rm rekey test'
complete -c smtptool -n '__fish_seen_subcommand_from serve' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from serve' -l one-process
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l to -r
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l rcpt -r
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l held
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l all
complete -c smtptool -n '__fish_seen_subcommand_from queue' -l repair
complete -c smtptool -f -n '__fish_seen_subcommand_from queue; and not __fish_seen_subcommand_from ls show why hold release retry rm flush stats fsck' -a 'ls show why hold release retry rm flush stats fsck'
complete -c smtptool -n '__fish_seen_subcommand_from trace' -l file -r
complete -c smtptool -n '__fish_seen_subcommand_from trace' -l id -r
complete -c smtptool -n '__fish_seen_subcommand_from trace' -l message-id -r
complete -c smtptool -n '__fish_seen_subcommand_from trace' -l recipient -r
complete -c smtptool -n '__fish_seen_subcommand_from trace' -l transcript
complete -c smtptool -n '__fish_seen_subcommand_from user' -l senders -r
complete -c smtptool -n '__fish_seen_subcommand_from user' -l password-file -r
complete -c smtptool -n '__fish_seen_subcommand_from user' -l label -r
complete -c smtptool -n '__fish_seen_subcommand_from user' -l scope -r
complete -c smtptool -f -n '__fish_seen_subcommand_from user; and not __fish_seen_subcommand_from add list rm password senders disable enable second-factor app-password' -a 'add list rm password senders disable enable second-factor app-password'
complete -c smtptool -n '__fish_seen_subcommand_from config' -l origin
complete -c smtptool -f -n '__fish_seen_subcommand_from config; and not __fish_seen_subcommand_from check show schema reload' -a 'check show schema reload'
complete -c smtptool -n '__fish_seen_subcommand_from shaping' -l dns-zone -r
complete -c smtptool -f -n '__fish_seen_subcommand_from shaping; and not __fish_seen_subcommand_from show' -a 'show'
complete -c smtptool -n '__fish_seen_subcommand_from warmup' -l day -r
complete -c smtptool -n '__fish_seen_subcommand_from warmup' -l cap -r
complete -c smtptool -n '__fish_seen_subcommand_from warmup' -l pause
complete -c smtptool -n '__fish_seen_subcommand_from warmup' -l resume
complete -c smtptool -n '__fish_seen_subcommand_from warmup' -l done
complete -c smtptool -f -n '__fish_seen_subcommand_from warmup; and not __fish_seen_subcommand_from show set' -a 'show set'
complete -c smtptool -n '__fish_seen_subcommand_from egress' -l dns-zone -r
complete -c smtptool -f -n '__fish_seen_subcommand_from egress; and not __fish_seen_subcommand_from ls check' -a 'ls check'
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l tenant -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l stream -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l reason -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l for -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l note -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l limit -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l format -r
complete -c smtptool -n '__fish_seen_subcommand_from suppress' -l days -r
complete -c smtptool -f -n '__fish_seen_subcommand_from suppress; and not __fish_seen_subcommand_from add rm check ls import export campaigns' -a 'add rm check ls import export campaigns'
complete -c smtptool -n '__fish_seen_subcommand_from feedback-loops' -l all
complete -c smtptool -n '__fish_seen_subcommand_from explain' -l stage -r
complete -c smtptool -n '__fish_seen_subcommand_from explain' -l host -r
complete -c smtptool -f -n '__fish_seen_subcommand_from explain; and not __fish_seen_subcommand_from reply bounce' -a 'reply bounce'
complete -c smtptool -n '__fish_seen_subcommand_from lint' -l envelope-from -r
complete -c smtptool -n '__fish_seen_subcommand_from lint' -l date -r
complete -c smtptool -n '__fish_seen_subcommand_from lint' -l note-too
complete -c smtptool -n '__fish_seen_subcommand_from lint' -l rules
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l ip -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l helo -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l receiver -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l sealer -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l time -r
complete -c smtptool -n '__fish_seen_subcommand_from verify; and not __fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from arc' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l resolver
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l mx
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l spf
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l dkim
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l ip
complete -c smtptool -n '__fish_seen_subcommand_from domain' -l at -r
complete -c smtptool -f -n '__fish_seen_subcommand_from domain; and not __fish_seen_subcommand_from add check plan-change ls rm' -a 'add check plan-change ls rm'
complete -c smtptool -n '__fish_seen_subcommand_from spf' -l ip -r
complete -c smtptool -n '__fish_seen_subcommand_from spf' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from spf' -l helo -r
complete -c smtptool -n '__fish_seen_subcommand_from spf' -l receiver -r
complete -c smtptool -n '__fish_seen_subcommand_from spf' -l dns-zone -r
complete -c smtptool -f -n '__fish_seen_subcommand_from spf; and not __fish_seen_subcommand_from eval tree' -a 'eval tree'
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l type -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l out -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l key -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l domain -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l selector -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l identity -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l purpose -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l names -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l canon -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l valid -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l fields
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l time -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l status
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l abort
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l wait
complete -c smtptool -n '__fish_seen_subcommand_from dkim' -l resolver
complete -c smtptool -f -n '__fish_seen_subcommand_from dkim; and not __fish_seen_subcommand_from keygen dns sign verify rotate' -a 'keygen dns sign verify rotate'
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l key -r
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l domain -r
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l results -r
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l names -r
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l fields
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l time -r
complete -c smtptool -n '__fish_seen_subcommand_from arc' -l dns-zone -r
complete -c smtptool -f -n '__fish_seen_subcommand_from arc; and not __fish_seen_subcommand_from verify seal' -a 'verify seal'
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l spf -r
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l dkim -r
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l psl -r
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l xml
complete -c smtptool -n '__fish_seen_subcommand_from dmarc' -l dns-zone -r
complete -c smtptool -f -n '__fish_seen_subcommand_from dmarc; and not __fish_seen_subcommand_from walk eval record reports' -a 'walk eval record reports'
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l mx -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l mode -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l max-age -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l id -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l file -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l dns-zone -r
complete -c smtptool -n '__fish_seen_subcommand_from mta-sts' -l timeout -r
complete -c smtptool -f -n '__fish_seen_subcommand_from mta-sts; and not __fish_seen_subcommand_from policy check' -a 'policy check'
complete -c smtptool -f -n '__fish_seen_subcommand_from tls-reports; and not __fish_seen_subcommand_from read ls show' -a 'read ls show'
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l server -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l tls
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l ca -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l workers -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l connections -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l duration -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l i-own-this-server
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l messages -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l rate -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l stagger -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l size -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l per-connection -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l rcpts -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l domains -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l from -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l to -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l secret -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l no-pipelining
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from send' -l record -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l listen -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l addresses -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l every -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l rules -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l report -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l lmtp
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l discard
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l once
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l expose
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l certificate -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l key -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l record -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l slow -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l reply -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l messages -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l duration -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from sink' -l workers -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l server -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l tls
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l ca -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l workers -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l connections -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l duration -r
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l i-own-this-server
complete -c smtptool -n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from idle' -l opening -r
complete -c smtptool -f -n '__fish_seen_subcommand_from bench; and not __fish_seen_subcommand_from send sink idle' -a 'send sink idle'
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l f -s f -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l r -s r -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l F -s F -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l N -s N -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l R -s R -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l V -s V -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l O -s O -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l C -s C -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l t -s t
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l i -s i
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l b -s b -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l q -s q
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l o -s o -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l B -s B -r
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l v -s v
complete -c smtptool -n '__fish_seen_subcommand_from sendmail' -l X -s X -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l account -s a -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l file -s C -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l host -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l port -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l source-ip -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l proxy-host -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l proxy-port -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l socket -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l protocol -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l domain -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l auth
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l user -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l passwordeval -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-starttls
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-trust-file -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-crl-file -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-fingerprint -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-key-file -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-cert-file -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-certcheck
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-priorities -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-host-override -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l tls-min-dh-prime-bits -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l from -s f -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l auto-from
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l maildomain -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l read-recipients -s t
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l read-envelope-from
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l aliases -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l dsn-notify -s N -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l dsn-return -s R -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l logfile -s X -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l logfile-time-format -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l syslog
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l set-from-header
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l set-date-header
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l set-msgid-header
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l remove-bcc-headers
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l undisclosed-recipients
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l configure -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l serverinfo -s S
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l rmqs -r
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l pretend -s P
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l debug -s d
complete -c smtptool -n '__fish_seen_subcommand_from msmtp' -l version
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l config -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l server -s s -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l port -s p -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l local-interface -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l local-port -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l copy-routing -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l 4
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l 6
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l socket -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l pipe -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l to -s t -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l cc -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l bcc -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l from -s f -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l helo -s h -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l quit-after -s q -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l drop-after -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l drop-after-send -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l timeout -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l protocol -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l pipeline
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l prdr
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l force-getpwuid
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-optional
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-optional-strict
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-on-connect
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-protocol -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-cipher -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-verify
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-verify-host
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-verify-target -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-ca-path -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-cert -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-key -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-chain -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-get-peer-cert -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-get-peer-chain -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l tls-sni -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth -s a -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-optional -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-optional-strict -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-user -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-password -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-extra -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-map -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-plaintext
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l auth-hide-password -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-addr -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-name -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-port -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-proto -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-destaddr -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-destport -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-helo -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-login -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-reverse-name -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-delim
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-no-verify
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-before-starttls
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-optional
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l xclient-optional-strict
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-version -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-family -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-protocol -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-command -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-source -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-source-port -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-dest -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l proxy-dest-port -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l data -s d -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l dump-as-body -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l dump-as-body-shows-password
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l body -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l attach -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l attach-body -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l attach-type -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l attach-name -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l add-header -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l header -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-data-fixup
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-strip-from
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l suppress-data -s n
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l show-time-lapse -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-info-hints
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-send-hints
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-receive-hints
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l no-hints
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l show-raw-text
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l output-file -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l output-file-stdout -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l output-file-stderr -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l protect-prompt
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l hide-receive
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l hide-send
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l hide-informational
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l hide-all
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l silent -s S -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l support
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l dump-mail
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l dump -r
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l help
complete -c smtptool -n '__fish_seen_subcommand_from swaks' -l version
complete -c smtptool -f -n '__fish_seen_subcommand_from completion; and not __fish_seen_subcommand_from bash zsh fish' -a 'bash zsh fish'
