/* SPDX-License-Identifier: MIT */
/* Words that say nothing about anybody, where they belong. */
#include "scenario/scrub_ops.h"

struct known {
    unsigned flags;
    const char *words; /* in lower case, blanks between and around */
};

static const struct known tables[] = {
    {DRILL_SCRUB_MIME,
     " text multipart message application image audio video font plain html css csv calendar mixed "
     "alternative related report signed encrypted digest parallel form data delivery status "
     "disposition notification feedback rfc822 headers global partial external body octet stream "
     "pdf zip gzip json xml javascript msword pgp pkcs7 signature mime keys ms tnef vnd png jpeg "
     "jpg "
     "gif bmp tiff webp svg mpeg mp3 mp4 ogg wav charset boundary name filename format flowed "
     "fixed "
     "delsp yes no type start micalg protocol method request reply publish cancel inline "
     "attachment "
     "creation modification read date size base64 quoted printable 7bit 8bit binary utf us ascii "
     "iso windows koi8 gb2312 gbk gb18030 big5 shift jis euc jp kr cp1252 sha1 sha256 sha384 "
     "sha512 "
     "md5 enriched amp x "},
    {DRILL_SCRUB_SMTP,
     " smtp esmtp esmtps esmtpsa esmtpa smtps lmtp lmtps lmtpa utf8smtp utf8smtps utf8smtpa "
     "utf8smtpsa http https from by with id for via using version cipher bits tls tlsv1 ssl "
     "unknown "
     "helo ehlo mail rcpt to data rset noop vrfy expn help quit starttls auth size body 8bitmime "
     "7bit binarymime smtputf8 ret hdrs full envid notify success failure delay never orcpt rfc822 "
     "holdfor mt priority requiretls xforward xclient postfix sendmail stalwart exim mta msa msp "
     "daemon originating smtpd ok fail forged temp not no none plain login cram md5 digest scram "
     "sha "
     "gssapi xoauth2 oauthbearer external local relay virtual error discard verified trusted "
     "untrusted anonymous inet inet6 ipv6 localhost "},
    {DRILL_SCRUB_FILTER,
     " clean infected virus clamav milter amavisd amavis rspamd spamassassin spamd spam ham yes no "
     "score required tests autolearn ham version action add header greylist greylisted greylisting "
     "soft reject rejected rejecting refused blocked denied discarded accepted deferred quarantine "
     "quarantined pass fail softfail neutral none permerror temperror policy dkim spf dmarc arc "
     "adsp "
     "iprev domainkeys smtp auth mailfrom helo header from body hash sig verified invalid bad good "
     "key bit rsa ed25519 sha1 sha256 message content found threat malware phishing try again "
     "later "
     "please temporarily temporary unavailable failure error service local denied user unknown not "
     "allowed permitted rate limit exceeded too many large the for to by at in of is on was and or "
     "has been mail x "},
    {DRILL_SCRUB_SIGNED, " rsa sha1 sha256 ed25519 relaxed simple nofws dns txt none pass fail 1 "},
    {DRILL_SCRUB_HTML,
     " doctype html head body title meta link style script base p br hr div span a b i u s em "
     "strong "
     "small big sub sup font center blockquote pre code ul ol li dl dt dd table thead tbody tfoot "
     "tr "
     "td th caption img area map form input button label select option textarea h1 h2 h3 h4 h5 h6 "
     "iframe object param embed section article header footer nav main href src alt class id name "
     "content http equiv charset width height border cellpadding cellspacing align valign bgcolor "
     "color size face rel type lang dir target value action method colspan rowspan background "
     "media "
     "public xmlns "},
};

/* What else stays everywhere: schemes of addresses, and what names no host. */
static const char schemes[] = " http https mailto ftp cid mid ipv6 localhost ";
static const char extensions[] =
    " pdf doc docx xls xlsx ppt pptx odt ods zip txt html htm eml exe jpg jpeg png gif csv ics vcf "
    "rar 7z p7s p7m asc tar gz xml json js dll scr bat msg css svg tif tiff mp3 mp4 ";

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool within(const char *words, struct drill_span word)
{
    const char *w = words + 1;
    while (*w) {
        size_t i = 0;
        while (i < word.len && w[i] == (char)lower(word.ptr[i])) {
            i++;
        }
        if (i == word.len && w[i] == ' ') {
            return true;
        }
        while (*w++ != ' ') {}
    }
    return false;
}

bool drill_scrub_known(struct drill_span word, unsigned flags)
{
    if (word.len == 0 || word.len > 16) {
        return false;
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if ((tables[i].flags & flags) && within(tables[i].words, word)) {
            return true;
        }
    }
    return (flags & DRILL_SCRUB_HOST) && within(schemes, word);
}

bool drill_scrub_extension(struct drill_span word)
{
    return word.len && word.len <= 4 && within(extensions, word);
}
