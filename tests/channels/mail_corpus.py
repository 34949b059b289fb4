"""Mails as mail programs and servers write them, made up for the tests; the clinic is clinic@clinic.example."""

from __future__ import annotations

import base64

MAIL_ID = "9f2c41aa07d35be1"
OTHER_ID = "00112233445566ff"
PATIENT = "patient@home.example"
TOKEN = f"clinic+b-{MAIL_ID}@clinic.example"
OURS = (
    "Lakeside: how bad is your pain from 0 to 10? If you have chest pain or cannot breathe, call 911 now. "
    "Reply STOP to stop."
)
"""What we wrote, quoted back: none of it is the patient's."""

_HEAD = f"""\
Return-Path: <{PATIENT}>
Received: from mx.home.example by mail.clinic.example; Mon, 2 Nov 2026 16:05:00 +0000
From: A Patient <{PATIENT}>
To: The Clinic <clinic@clinic.example>
Date: Tue, 1 Jan 2030 00:00:00 +0000
Message-ID: <CAF=reply1@mail.home.example>
In-Reply-To: <{MAIL_ID}@clinic.example>
References: <{OTHER_ID}@clinic.example>
 <{MAIL_ID}@clinic.example>
Subject: Re: A word from your clinic
MIME-Version: 1.0
"""


def _mail(rest: str, head: str = _HEAD) -> bytes:
    return (head + rest).encode().replace(b"\n", b"\r\n")


PLAIN = _mail(f"Content-Type: text/plain; charset=utf-8\n\nIt is an 8.\n\n> {OURS}\n")

GMAIL = _mail(
    f"""Content-Type: multipart/alternative; boundary="000000000000a1b2c3"

--000000000000a1b2c3
Content-Type: text/plain; charset="UTF-8"

It is an 8, and my leg is numb.

On Mon, Nov 2, 2026 at 10:00 AM The Clinic <clinic@clinic.example>
wrote:

> {OURS[:60]}
> {OURS[60:]}
>

--000000000000a1b2c3
Content-Type: text/html; charset="UTF-8"

<div dir="ltr">It is an 8, and my leg is numb.</div><br><div class="gmail_quote">{OURS}</div>

--000000000000a1b2c3--
"""
)

GMAIL_HTML_ONLY = _mail(
    f"""Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<div dir=3D"ltr">It is an&nbsp;8,<br>and my leg is numb.</div><br>=
<div class=3D"gmail_quote gmail_quote_container">=
<div dir=3D"ltr" class=3D"gmail_attr">On Mon, Nov 2, 2026 at 10:00=E2=80=AFAM The Clinic &lt;<a href=3D"mailto:x">=
clinic@clinic.example</a>&gt; wrote:<br></div><blockquote class=3D"gmail_quote" style=3D"margin:0px">{OURS}<br>
</blockquote></div>
<div class=3D"gmail_signature">A Patient, chest pain survivor</div>
"""
)

IPHONE = _mail(
    f"""Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: quoted-printable

It is an 8, and my leg is numb.

Sent from my iPhone

> On Nov 2, 2026, at 10:00=E2=80=AFAM, The Clinic <clinic@clinic.example> wrote:
>=20
> =EF=BB=BF{OURS}
"""
)

IPHONE_PICTURE_THEN_WORDS = _mail(
    f"""Content-Type: multipart/mixed; boundary=Apple-Mail-5F3A

--Apple-Mail-5F3A
Content-Type: image/jpeg; name=image0.jpeg
Content-Disposition: inline; filename=image0.jpeg
Content-Transfer-Encoding: base64

{base64.b64encode(b"no picture" * 20).decode()}

--Apple-Mail-5F3A
Content-Type: text/plain; charset=us-ascii

The wound looks like this.

Sent from my iPhone
--Apple-Mail-5F3A--
"""
)

OUTLOOK = _mail(
    f"""Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

It=92s an 8.

Get Outlook for iOS<https://aka.ms/x>
________________________________
From: The Clinic <clinic@clinic.example>
Sent: Monday, November 2, 2026 10:00 AM
To: A Patient <{PATIENT}>
Subject: A word from your clinic

{OURS}
"""
)

OUTLOOK_HTML = _mail(
    f"""Content-Type: text/html; charset="utf-8"

<html><head><style>p {{chest:pain}}</style><title>cannot breathe</title></head><body>
<p class="MsoNormal">It&#8217;s an 8.</p><p class="MsoNormal">Yours</p>
<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> The Clinic<br><b>Sent:</b> Monday</div>
<div>{OURS}</div></body></html>
"""
)

OLD_OUTLOOK = _mail(
    f"""Content-Type: text/plain

It is an 8.

-----Original Message-----
From: The Clinic
Sent: Monday

{OURS}
"""
)

SPANISH_GMAIL = _mail(
    f"""Content-Type: text/plain; charset="UTF-8"

Un 8, y no siento la pierna.

El lun, 2 nov 2026 a las 10:00, The Clinic (<clinic@clinic.example>)
escribió:

> {OURS}
"""
)

SPANISH_OUTLOOK = _mail(
    f"""Content-Type: text/plain; charset="windows-1252"
Content-Transfer-Encoding: 8bit

Un 8, y no siento la pierna.

Enviado desde mi iPhone

De: The Clinic <clinic@clinic.example>
Enviado el: lunes, 2 de noviembre de 2026 10:00
Para: A Patient
Asunto: A word

{OURS}
"""
)

GERMAN = _mail(
    f"""Content-Type: text/plain

It is an 8.

Am 02.11.26 um 10:00 schrieb The Clinic:
> {OURS}
"""
)

_SIGNED = "Es ist eine 8 \N{EN DASH} schlimm.\n\n-- \nChest pain clinic"
BASE64 = _mail(
    f"""Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{base64.encodebytes(_SIGNED.encode()).decode()}
"""
)

BELOW_THE_QUOTE = _mail(
    f"""Content-Type: text/plain

On Mon, Nov 2, 2026 at 10:00 AM The Clinic <clinic@clinic.example> wrote:
> {OURS[:45]}

It is an 8.

> {OURS[45:]}

No, I can breathe.
--\x20
A Patient
chest pain
"""
)

UNSUBSCRIBE = _mail(
    "",
    f"""Return-Path: <{PATIENT}>
From: {PATIENT}
To: stop@clinic.example
Subject: unsubscribe

""",
)

NEW_SUBJECT = _mail(
    "Subject: =?utf-8?q?I_can=E2=80=99t_feel_my_leg?=\n\nPlease call.\n",
    f"From: {PATIENT}\nTo: clinic@clinic.example\n",
)

VACATION = _mail(
    "Auto-Submitted: auto-replied (vacation)\nPrecedence: junk\nContent-Type: text/plain\n\nAway until the 8th.\n"
)

EXCHANGE_ABSENCE = _mail(
    "X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated\nContent-Type: text/plain\n\nI am away.\n",
    _HEAD.replace("Re: A word", "Automatic reply: A word").replace(f"Return-Path: <{PATIENT}>", "Return-Path: <>"),
)

OUTLOOK_PERSON = _mail("X-Auto-Response-Suppress: DR, OOF, AutoReply\nContent-Type: text/plain\n\nIt is an 8.\n")

MAILING_LIST = _mail("List-Id: <neighbours.lists.example>\nContent-Type: text/plain\n\nA sale on Saturday.\n")

READ_RECEIPT = _mail(
    """Content-Type: multipart/report; report-type=disposition-notification; boundary="mdn"

--mdn
Content-Type: text/plain

Your message was read.

--mdn
Content-Type: message/disposition-notification

Disposition: manual-action/MDN-sent-manually; displayed

--mdn--
"""
)

POSTFIX = _mail(
    f"""Return-Path: <>
X-Original-To: {TOKEN}
Delivered-To: {TOKEN}
From: MAILER-DAEMON@relay.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {TOKEN}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B095B5ADSN=_01DA5"

This is a MIME-encapsulated message.

--9B095B5ADSN=_01DA5
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

<{PATIENT}>: host mx.home.example said: 550 5.1.1 no such user

--9B095B5ADSN=_01DA5
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
X-Postfix-Queue-ID: 4Q2
Arrival-Date: Mon,  2 Nov 2026 16:00:00 +0000 (UTC)

Final-Recipient: rfc822; {PATIENT}
Original-Recipient: rfc822;{PATIENT}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.home.example
Diagnostic-Code: smtp; 550 5.1.1 no such user

--9B095B5ADSN=_01DA5
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <{TOKEN}>
Message-ID: <{MAIL_ID}@clinic.example>
Subject: A word from your clinic

--9B095B5ADSN=_01DA5--
""",
    "",
)

EXCHANGE = _mail(
    f"""From: <postmaster@home.example>
To: <clinic@clinic.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="e1"
Subject: Undeliverable: A word from your clinic
Auto-Submitted: auto-replied

--e1
Content-Type: multipart/alternative; differences=Content-Type; boundary="e2"

--e2
Content-Type: text/plain; charset="us-ascii"

Your message couldn't be delivered.

--e2
Content-Type: text/html; charset="us-ascii"

<p>Your message couldn't be delivered.</p>

--e2--

--e1
Content-Type: message/delivery-status

Reporting-MTA: dns;server.home.example
Received-From-MTA: dns;relay.example
Arrival-Date: Mon, 2 Nov 2026 16:00:00 +0000

Final-Recipient: rfc822;{PATIENT}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found

--e1
Content-Type: message/rfc822

From: The Clinic <clinic@clinic.example>
Message-ID: <{MAIL_ID}@clinic.example>
Subject: A word from your clinic

{OURS}

--e1--
""",
    "",
)

GMAIL_BOUNCE = _mail(
    f"""Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: {TOKEN}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Delay)
MIME-Version: 1.0
Content-Type: multipart/report; boundary="00000g"; report-type=delivery-status

--00000g
Content-Type: multipart/related; boundary="0000rel"

--0000rel
Content-Type: text/plain; charset="UTF-8"

** Delivery incomplete **

--0000rel
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--0000rel--
--00000g
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Arrival-Date: Mon, 02 Nov 2026 08:00:00 -0800 (PST)

Final-Recipient: rfc822; {PATIENT}
Action: delayed
Status: 4.4.1
Will-Retry-Until: Wed, 04 Nov 2026 08:00:00 -0800 (PST)
--00000g--
""",
    "",
)

QMAIL = _mail(
    f"""Return-Path: <>
From: MAILER-DAEMON@relay.example
To: {TOKEN}
Subject: failure notice

Hi. This is the qmail-send program at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{PATIENT}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <{TOKEN}>
Message-ID: <{MAIL_ID}@clinic.example>

{OURS}
""",
    "",
)

ANSWERS = {
    "plain": (PLAIN, "It is an 8."),
    "Gmail": (GMAIL, "It is an 8, and my leg is numb."),
    "Gmail, HTML alone": (GMAIL_HTML_ONLY, "It is an 8,\nand my leg is numb."),
    "iPhone": (IPHONE, "It is an 8, and my leg is numb."),
    "iPhone, picture first": (IPHONE_PICTURE_THEN_WORDS, "The wound looks like this."),
    "Outlook": (OUTLOOK, "It\N{RIGHT SINGLE QUOTATION MARK}s an 8."),
    "Outlook, HTML alone": (OUTLOOK_HTML, "It\N{RIGHT SINGLE QUOTATION MARK}s an 8.\n\nYours"),
    "old Outlook": (OLD_OUTLOOK, "It is an 8."),
    "Gmail in Spanish": (SPANISH_GMAIL, "Un 8, y no siento la pierna."),
    "Outlook in Spanish": (SPANISH_OUTLOOK, "Un 8, y no siento la pierna."),
    "Thunderbird in German": (GERMAN, "It is an 8."),
    "base64": (BASE64, "Es ist eine 8 \N{EN DASH} schlimm."),
    "below the quote": (BELOW_THE_QUOTE, "It is an 8.\n\nNo, I can breathe."),
    "unsubscribe": (UNSUBSCRIBE, "unsubscribe"),
    "a subject of its own": (NEW_SUBJECT, "I can\N{RIGHT SINGLE QUOTATION MARK}t feel my leg\nPlease call."),
    "a person at Outlook": (OUTLOOK_PERSON, "It is an 8."),
}
"""A person's mails, and what they said in them."""

AUTOMATIC = {
    "vacation": VACATION,
    "absence at Exchange": EXCHANGE_ABSENCE,
    "mailing list": MAILING_LIST,
    "read receipt": READ_RECEIPT,
}

REPORTS = {"Postfix": POSTFIX, "Exchange": EXCHANGE, "Gmail": GMAIL_BOUNCE, "qmail": QMAIL}

EVERY_MAIL = [*(mail for mail, _ in ANSWERS.values()), *AUTOMATIC.values(), *REPORTS.values()]
