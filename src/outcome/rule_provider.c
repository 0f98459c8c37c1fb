#include "outcome/rule.h"

/* What a provider means by words that say less, or something else, from anyone else's mouth. */
/* clang-format off */
static const struct outcome_rule rows[] = {
    /* logins: whoever repeats these words has them from Microsoft or Google */
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.139", "smtpclientauthentication ~ disabled for the tenant",
     "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
     "Visit https://aka.ms/smtp_auth_disabled for more information.", "Exchange Online",
     "The administrator has switched SMTP AUTH off for the organisation: "
     "Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false switches it on for one mailbox."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.139", "smtpclientauthentication ~ disabled for the mailbox",
     "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. "
     "Visit https://aka.ms/smtp_auth_disabled for more information.", "Exchange Online",
     "The administrator has switched SMTP AUTH off for this mailbox: \"Authenticated SMTP\" under Manage email "
     "apps, or Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.139", "basic authentication ~ disabled",
     "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [AM0.prod.outlook.com]",
     "Exchange Online", "Passwords are switched off: smtptool oauth login NAME --provider microsoft, then oauth:NAME."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.139", "security defaults policy",
     "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults "
     "policy. Contact your administrator. [AM0.prod.outlook.com]", "Exchange Online",
     "Security defaults forbid passwords: smtptool oauth login NAME --provider microsoft, then oauth:NAME."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.139", "did not meet the criteria",
     "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated "
     "successfully. Contact your administrator. [AM0.prod.outlook.com]", "Exchange Online",
     "A Conditional Access policy forbids it: its administrator can exempt this mailbox or application."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, 0, "7.139", "authentication unsuccessful",
     "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [AM0.prod.outlook.com]",
     "Exchange Online", "A password no longer logs in where it was retired: smtptool oauth login NAME --provider "
     "microsoft; else it is wrong."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, 0, "7.3", "authentication unsuccessful",
     "535 5.7.3 Authentication unsuccessful [AM0.prod.outlook.com]", "Exchange Online",
     "Of a token: the user must be the mailbox that it was made for, its scope SMTP.Send, and SMTP AUTH on for the "
     "mailbox; a service needs SMTP.SendAsApp and Add-MailboxPermission."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.30", "basic authentication ~ not supported",
     "550 5.7.30 Basic authentication is not supported for Client Submission.", "Exchange Online",
     "Passwords are retired there: smtptool oauth login NAME --provider microsoft, then oauth:NAME."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.9", "application specific password required",
     "534-5.7.9 Application-specific password required. For more information, go to 534 5.7.9 "
     "https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp", "Gmail",
     "Make an app password (https://myaccount.google.com/apppasswords), or smtptool oauth login NAME --provider google."},
    {OUTCOME_LOGIN, PROVIDER_OTHER, WORDS_ARE_SURE, "7.14", "log in via|with your web browser",
     "534-5.7.14 Please log in via your web browser and then try again. - gsmtp", "Gmail",
     "Log in by a browser from this network once; then use an app password, or smtptool oauth login NAME --provider google."},
    {OUTCOME_LOGIN, PROVIDER_GOOGLE, 0, "7.8", "username and password not accepted",
     "535-5.7.8 Username and Password not accepted. For more information, go to 535 5.7.8 "
     "https://support.google.com/mail/?p=BadCredentials - gsmtp", "Gmail",
     "The account's own password does not log in: an app password (it needs 2-step verification), or smtptool oauth "
     "login NAME --provider google. Of a token: it needs the scope https://mail.google.com/ and the right user."},

    /* Google */
    {OUTCOME_AUTH, PROVIDER_GOOGLE, 0, "7.26", NULL,
     "550-5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp",
     "Gmail"},
    {OUTCOME_AUTH, PROVIDER_GOOGLE, 0, NULL, "unauthenticated email ~ not accepted",
     "550-5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC "
     "policy. - gsmtp", "Gmail"},
    {OUTCOME_AUTH, PROVIDER_GOOGLE, 0, NULL, "does not have authentication information",
     "550-5.7.1 This message does not have authentication information or fails to pass checks - "
     "gsmtp", "Gmail"},
    {OUTCOME_BLOCKED_SENDER, PROVIDER_GOOGLE, 0, NULL, "low reputation of the sending domain",
     "550-5.7.1 likely suspicious due to the very low reputation of the sending domain. - gsmtp",
     "Gmail"},
    {OUTCOME_BLOCKED_IP, PROVIDER_GOOGLE, 0, NULL, "low reputation of the sending ip",
     "550-5.7.1 likely suspicious due to the very low reputation of the sending IP address. - "
     "gsmtp", "Gmail"},
    {OUTCOME_BLOCKED_IP, PROVIDER_GOOGLE, WHEN_PERMANENT, NULL, "your ip ~ has been blocked",
     "550-5.7.1 Our system has detected an unusual rate of unsolicited mail originating from your "
     "IP address. Mail sent from your IP address has been blocked. - gsmtp", "Gmail"},
    {OUTCOME_RATE, PROVIDER_GOOGLE, 0, "7.28", NULL,
     "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your "
     "IP - gsmtp", "Gmail"},
    {OUTCOME_RATE, PROVIDER_GOOGLE, 0, NULL, "unusual rate of unsolicited",
     "421-4.7.0 Our system has detected an unusual rate of unsolicited mail originating from "
     "your IP - gsmtp", "Gmail"},
    {OUTCOME_RATE, PROVIDER_GOOGLE, 0, NULL, "receiving mail at a rate|too",
     "450-4.2.1 The user you are trying to contact is receiving mail at a rate that - gsmtp",
     "Gmail"},
    {OUTCOME_RATE, PROVIDER_GOOGLE, 0, NULL, "daily ~ sending ~ exceeded",
     "550-5.4.5 Daily user sending limit exceeded. - gsmtp", "Gmail"},
    {OUTCOME_BLOCKED_IP, PROVIDER_GOOGLE, 0, NULL, "not authorized to send email directly",
     "550-5.7.1 The IP you're using to send mail is not authorized to send email directly to "
     "our servers. - gsmtp", "Gmail"},
    {OUTCOME_SPAM, PROVIDER_GOOGLE, 0, NULL, "likely unsolicited mail",
     "550-5.7.1 Our system has detected that this message is likely unsolicited mail. - gsmtp",
     "Gmail"},
    {OUTCOME_SPAM, PROVIDER_GOOGLE, 0, NULL, "rejected due to spam classification",
     "550 Your email to group g@example.com was rejected due to spam classification. "
     "support.google.com/", "Google Groups"},
    {OUTCOME_VIRUS, PROVIDER_GOOGLE, 0, NULL, "content presents a potential",
     "552-5.7.0 This message was blocked because its content presents a potential security "
     "issue - gsmtp", "Gmail"},
    {OUTCOME_CONTENT, PROVIDER_GOOGLE, 0, NULL, "not rfc 5322 compliant",
     "550-5.7.1 This message is not RFC 5322 compliant. To reduce the amount of spam sent to "
     "Gmail - gsmtp", "Gmail"},
    {OUTCOME_POLICY, PROVIDER_GOOGLE, 0, NULL, "organizational settings",
     "550-5.7.1 Message bounced due to organizational settings - gsmtp", "Google Workspace"},
    {OUTCOME_POLICY, PROVIDER_OTHER, 0, NULL, "not have permission to post",
     "550 the group may not exist, or you may not have permission to post. support.google.com/",
     "Google Groups"},

    /* Microsoft */
    {OUTCOME_BAD_MAILBOX, PROVIDER_MICROSOFT, WORDS_ARE_SURE, "4.1",
     "address rejected ~ access denied",
     "550 5.4.1 Recipient address rejected: Access denied. [AM0.prod.outlook.com]",
     "Exchange Online: no such recipient"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_MICROSOFT, 0, "4.1", "addresses rejected ~ access denied",
     "550 5.4.1 All recipient addresses rejected : Access denied [AM0.prod.outlook.com]",
     "Exchange Online"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, "4.1",
     "recipient address rejected access denied",
     "550 5.4.1 Recipient address rejected: Access denied.",
     "Exchange Online, as others repeat it"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, "1.10",
     "resolver|recipientnotfound|found",
     "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
     "Exchange"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, NULL,
     "resolver adr recipnotfound|recipientnotfound|exrecipnotfound",
     "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", "Exchange"},
    {OUTCOME_POLICY, PROVIDER_OTHER, 0, NULL,
     "resolver rst authrequired|notauthorized|sendernotauthenticatedforgroup|restrictiontomail",
     "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required",
     "Exchange: only people of their own may write"},
    {OUTCOME_TOO_BIG, PROVIDER_OTHER, 0, NULL, "resolver rst recipsizelimit|sendsizelimit",
     "550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", "Exchange"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, "1.351", NULL,
     "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable",
     "Exchange Online"},
    {OUTCOME_BLOCKED_IP, PROVIDER_OTHER, 0, NULL, "banned sending ip",
     "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "Exchange Online"},
    {OUTCOME_BLOCKED_IP, PROVIDER_MICROSOFT, 0, NULL, "unfortunately messages from ~ sent",
     "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. mail.live.com/",
     "Outlook.com"},
    {OUTCOME_BLOCKED_IP, PROVIDER_MICROSOFT, 0, NULL, "traffic not accepted from this ip",
     "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. "
     "x.prod.outlook.com", "Exchange Online"},
    {OUTCOME_RATE, PROVIDER_MICROSOFT, 0, "7.650", NULL,
     "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP "
     "reputation. postmaster.live.com", "Outlook.com"},
    {OUTCOME_RATE, PROVIDER_MICROSOFT, 0, "7.500", NULL,
     "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712103) "
     "x.prod.outlook.com", "Exchange Online"},
    {OUTCOME_RATE, PROVIDER_OTHER, 0, "2.122", NULL,
     "550 5.2.122 The recipient has exceeded their limit for number of messages they can receive",
     "Exchange Online"},
    {OUTCOME_AUTH, PROVIDER_OTHER, 0, "7.509", NULL,
     "550 5.7.509 Access denied, sending domain [EXAMPLE.COM] does not pass", "Outlook.com"},
    {OUTCOME_AUTH, PROVIDER_OTHER, 0, "7.515", NULL,
     "550 5.7.515 Access denied, sending domain example.com doesn't meet the required "
     "authentication level.", "Outlook.com"},
    {OUTCOME_POLICY, PROVIDER_MICROSOFT, 0, NULL, "recipient ~ not authorized to accept",
     "550 5.7.1 Recipient not authorized to accept external mail x.prod.outlook.com",
     "Exchange Online"},
    {OUTCOME_EXPIRED, PROVIDER_OTHER, 0, "4.312", NULL,
     "550 5.4.312 Message expired, DNS query failed", "Exchange Online"},
    {OUTCOME_EXPIRED, PROVIDER_OTHER, 0, "4.316", NULL,
     "550 5.4.316 Message expired, connection refused", "Exchange Online"},
    {OUTCOME_BAD_DOMAIN, PROVIDER_OTHER, 0, "4.310", NULL,
     "550 5.4.310 DNS domain example.invalid does not exist", "Exchange Online"},
    {OUTCOME_LOOP, PROVIDER_OTHER, 0, "4.14", NULL,
     "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "Exchange Online"},

    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, "5.0", "mailbox unavailable",
     "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", "Outlook.com"},

    /* Yahoo and AOL */
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, NULL, "delivery error dd ~ doesnt have",
     "554 delivery error: dd This user doesn't have a yahoo.com account (bob@yahoo.com) [0]",
     "Yahoo"},
    {OUTCOME_RATE, PROVIDER_OTHER, 0, NULL, "deferred due to ~ unexpected volume",
     "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume "
     "or user complaints", "Yahoo"},
    {OUTCOME_BLOCKED_IP, PROVIDER_OTHER, 0, NULL, "messages from ~ permanently deferred",
     "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will "
     "NOT succeed.", "Yahoo"},
    {OUTCOME_RATE, PROVIDER_YAHOO, WHEN_TEMPORARY, NULL, "message temporarily deferred",
     "451 Message temporarily deferred - [160] postmaster.yahoo.com", "Yahoo"},

    /* Others */
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, "1.0", "address rejected",
     "550 #5.1.0 Address rejected.", "Cisco"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_OTHER, WORDS_ARE_SURE, NULL, "mail local unknown user",
     "mail.local: unknown user: bob", "mail.local of sendmail"},
    {OUTCOME_FILTERED, PROVIDER_OTHER, 0, NULL, "recipient preferences",
     "550 5.1.1 RCP-P2 Refused due to recipient preferences", "Facebook"},
    {OUTCOME_POLICY, PROVIDER_APPLE, 0, NULL, "rejected due to local policy",
     "554 5.7.1 [CS01] Message rejected due to local policy. https://support.apple.com/", "iCloud"},
    {OUTCOME_RATE, PROVIDER_COMCAST, 0, NULL, "rl000001|rl000002|rl000003",
     "421 Reject due to rate limits RL000001 postmaster.comcast.net", "Comcast"},
    {OUTCOME_RATE, PROVIDER_CHARTER, 0, NULL, "aup in 1310|1320|1330",
     "550 5.1.0 <a@b> sender rejected. Please see https://www.spectrum.net/x for more "
     "information. AUP#In-1310", "Charter"},
    {OUTCOME_TOO_MANY_CONNECTIONS, PROVIDER_ORANGE, 0, NULL, "ofr 104|108|109|003|004|005",
     "421 mwinf5c04 ME Trop de connexions. OFR_104 [104]", "Orange"},
    {OUTCOME_BLOCKED_IP, PROVIDER_ORANGE, 0, NULL, "ofr006",
     "550 mwinf5c04 ME Adresse IP source bloquee pour incident de spam. OFR006_102", "Orange"},
    {OUTCOME_SPAM, PROVIDER_ORANGE, 0, NULL, "ofr 506|501",
     "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]", "Orange"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_ORANGE, WORDS_ARE_SURE, NULL, "ofr 416",
     "550 5.1.1 Adresse d au moins un destinataire. OFR_416 [416]", "Orange"},
    {OUTCOME_BLOCKED_IP, PROVIDER_ORANGE, 0, NULL, "ofr 999|007",
     "421 mwinf5c77 ME Service refuse. Veuillez essayer plus tard. OFR_999 [999]", "Orange"},
    {OUTCOME_BAD_MAILBOX, PROVIDER_LAPOSTE, WORDS_ARE_SURE, NULL, "lpn007 416",
     "550 5.5.0 Adresse destinataire. LPN007_416", "La Poste"},
    {OUTCOME_BLOCKED_IP, PROVIDER_LAPOSTE, 0, NULL, "service refuse|refused",
     "421 4.2.1 Service refuse. Veuillez essayer plus tard. LPN006_107", "La Poste"},
    {OUTCOME_RATE, PROVIDER_TENCENT, 0, NULL, "connection frequency limited",
     "550 Connection frequency limited http://service.mail.qq.com/cgi-bin/help", "Tencent"},
    {OUTCOME_BLOCKED_IP, PROVIDER_TELEKOM, 0, NULL, "problem occurred",
     "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help)", "Telekom"},
    {OUTCOME_SPAM, PROVIDER_NETEASE, 0, NULL, "dt spm|sum",
     "554 DT:SPM 163 mx1,example please see http://mail.163.com/help", "NetEase"},
    {OUTCOME_RATE, PROVIDER_NETEASE, 0, NULL, "mi|rp dmc|trc|cel",
     "451 RP:CEL 163 mx1,example please see http://mail.163.com/help", "NetEase"},
    {OUTCOME_BLOCKED_IP, PROVIDER_GODADDY, 0, NULL,
     "ib101|ib103|ib104|ib105|ib106|ib108|ib110|ib111",
     "554 p3plibsmtp ESMTP No Relay Access Allowed From 192.0.2.1 IB103", "GoDaddy"},
    {OUTCOME_BLOCKED_SENDER, PROVIDER_AMAZON, 0, NULL, "address is not verified",
     "554 Message rejected: Email address is not verified. amazonses.com", "Amazon SES"},
};
/* clang-format on */

struct outcome_rule_table outcome_rule_provider_table(void)
{
    return (struct outcome_rule_table){rows, ARRAY_LEN(rows)};
}
