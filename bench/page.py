"""What the results say: tables, for the terminal and for docs/performance.md."""
from measure import Failed, Figure, read

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEADINGS = { # kind of cell: heading, what stands below it
    "accept": ("Accept", "Into the queue and no further."),
    "tmpfs": ("Accept, queue in memory", "The same with every queue on tmpfs: what the disk costs is the "
              "difference to the table above."),
    "relay": ("Relay", "From the first connection to the last message at the next hop; messages of 10 KB, "
              "many on each connection."),
    "signed": ("Relay, signed", "The same with a DKIM signature (RSA-2048, relaxed/relaxed) on each message: "
               "smtptool by its keeper, Postfix by opendkim as a milter. CPU of both processes of either."),
    "judge": ("Who wrote it", "SPF, DKIM (RSA-2048), ARC and DMARC of one signed message of 10 KB, again and "
              "again; the DNS is a zone in memory for smtptool, a server on loopback that is not counted for "
              "rspamd. What judging costs the server is the difference of its two rows, which hold SMTP, "
              "syncing and passing it on as well; rspamd's has its HTTP, opendkim's only its reading of a file."),
    "signatures": ("Signatures", "A second of CPU time on one core, beside what `openssl speed` makes in one "
                   "just before. Of a message of 10 KB there are besides the signature two hashes, both forms "
                   "and the fields; for checking it, also the record and the key in it."),
    "tls": ("TLS", "Accept, a new connection with STARTTLS for each message of 10 KB."),
    "handshake": ("The TLS handshake alone", "OpenSSL's own server, CPU for each handshake: no server that "
                  "uses it can take less for a connection."),
    "idle": ("Connections that wait", "Memory (PSS of all processes) of each connection that has said EHLO, "
             "and the CPU of opening it."),
    "growth": ("A queue that grows", "Everything is deferred. The first and the last twentieth of the "
               "queue, then the listing, then a restart with all of it (files in the page cache). In turns: "
               "CPU a message of the full one by that of an empty one beside it at the same time."),
    "waiting": ("Fresh mail behind mail that waits", "Milliseconds from the 250 to the arrival at a healthy "
                "next hop, of 100 single messages: with an empty queue, and behind messages to a next hop "
                "that takes 20 s for each."),
    "reuse": ("Connections that are used again", "10,000 messages of 10 KB to MX hosts that offer STARTTLS, by a "
              "server that was just started, with its default limits: messages for each TLS handshake."),
    "deferred": ("Healthy sites beside one that is not", "Two servers, one of them with so many messages for "
                 "one site, get in turns 5,000 messages of 2 KB, 1,000 a second, for 1,000 healthy sites: "
                 "milliseconds from the 250 to the final dot there, of all, and of each turn: median and range. with / "
                 "without: of each turn."),
    "syncs": ("Syncs", "Counted by strace in runs of their own, which are slower, so that more messages "
              "share a sync than in the runs above."),
    "client": ("One message from the command line", "Start, send 1 KB to a sink on the loopback, end."),
    "bulk": ("One mailing to many", "A mail of 1 KB for each row of a list, 20 connections, to a sink that keeps nothing, on "
             "the same machine. `bulk` syncs its journal; smtp-source sends one text again and again."),
    "bulk-kill": ("One mailing to many, killed", "The sender is killed (SIGKILL) at random moments and goes on; the sink "
                  "tells recipients apart, and knows keys (XONCE)."),
    "generator": ("What the generator reaches", "Messages of 10 KB, 50 connections, no mail server."),
}


def mib(kib):
    return f"{kib / 1024:.0f}" if kib >= 100 * 1024 else f"{kib / 1024:.1f}"


def seconds(value):
    return "–" if value is None else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def mark(row, header):
    """The peer's name, with a dagger if its 250 is no promise."""
    soft = {p["name"] for p in header["peers"] if not p["durable"]}
    return row["peer"] + (" †" if row["peer"] in soft else "")


# ---- tables: lists of rows, the first one the head ------------------------------------------------

def load_table(cells, header):
    table = [["cell", "peer", "CPU ms a message", "messages/s", "p50 ms", "p99 ms", "CPU, × smtptool"]]
    for cell in cells:
        own = next((r["runs"] for r in cell["rows"] if r["peer"] == "smtptool" and r.get("runs")), [])
        for row in cell["rows"]:
            if not row.get("runs"):
                table.append([cell["title"], mark(row, header), f"not run: {row.get('not_run')}", "", "", "", ""])
                continue
            runs, times = row["runs"], "–"
            pairs = [r["cpu"] / o["cpu"] for r, o in zip(runs, own) if o["cpu"] > 0]
            if row["peer"] != "smtptool" and pairs:
                times = Figure(pairs).text("{:.2f}" if row["peer"] == "smtptool-before" else "{:.1f}")
            figure = {key: Figure(r[key] for r in runs) for key in ("cpu", "rate", "p50", "p99")}
            lost = sum(r["lost"] for r in runs)
            table.append([cell["title"], mark(row, header), figure["cpu"].text(),
                          figure["rate"].text("{:.0f}") + (f", {lost} lost" if lost else ""),
                          figure["p50"].text("{:.2f}"), figure["p99"].text("{:.2f}"), times])
    return table


def idle_table(cells, header):
    table = [["cell", "peer", "KiB a connection", "CPU ms to open", "MiB before"]]
    for cell in cells:
        for row in cell["rows"]:
            if "not_run" in row:
                table.append([cell["title"], mark(row, header), f"not run: {row['not_run']}", "", ""])
            else:
                table.append([cell["title"], mark(row, header), f"{row['kib']:.1f}", f"{row['cpu_ms']:.2f}",
                              mib(row["base_kib"])])
    return table


def growth_table(cells, header):
    table = [["cell", "peer", "waiting", "CPU ms a message, first → last", "full, × empty in turns",
              "messages/s, first → last",
              "PSS MiB, empty → full", "RSS MiB", "first page s", "whole listing s", "restart: answers s",
              "first message s", "remark"]]
    for cell in cells:
        for row in cell["rows"]:
            if "not_run" in row or not row["chunks"]:
                why = row.get("not_run") or row["ended"]
                table.append([cell["title"], mark(row, header), f"not run: {why}"] + [""] * 10)
                continue
            first, last = row["chunks"][0], row["chunks"][-1]
            turns = [full / empty for empty, full in row.get("turns", []) if empty > 0]
            table.append([cell["title"], mark(row, header), f"{last[0]:,}", f"{first[2]:.3f} → {last[2]:.3f}",
                          Figure(turns).text("{:.2f}") if turns else "–", f"{first[1]:.0f} → {last[1]:.0f}", f"{mib(row['pss_empty_kib'])} → {mib(row['pss_kib'])}",
                          mib(row["rss_kib"]), seconds(row["page_s"]), seconds(row["listing_s"]),
                          seconds(row.get("answer_s")), seconds(row.get("message_s")), row["ended"] or "–"])
    return table


def spread(ms, permille):
    return f"{ms[min(len(ms) - 1, len(ms) * permille // 1000)]:.1f}" if ms else "–"


def waiting_table(cells, header):
    table = [["cell", "peer", "empty: p50 ms", "p99 ms", "behind: p50 ms", "p99 ms", "not there in 30 s",
              "waiting when they came"]]
    for cell in cells:
        for row in cell["rows"]:
            if "not_run" in row:
                table.append([cell["title"], mark(row, header), f"not run: {row['not_run']}"] + [""] * 5)
                continue
            alone, behind = row["alone"]["ms"], row["behind"]["ms"]
            table.append([cell["title"], mark(row, header), spread(alone, 500), spread(alone, 990),
                          spread(behind, 500), spread(behind, 990), f"{row['behind']['missing']} of 100",
                          f"{row['left']:,}"])
    return table


def syncs_table(cells, header):
    table = [["peer", "connections", "syncs a message", "calls"]]
    for row in (r for cell in cells for r in cell["rows"]):
        if "not_run" in row:
            table.append([mark(row, header), "", f"not run: {row['not_run']}", ""])
            continue
        what = ", ".join(f"{n} {call}" for call, n in sorted(row["calls"].items(), key=lambda x: -x[1]))
        each = sum(n for call, n in row["calls"].items() if not call.startswith("open"))
        if row["by"] != "strace":
            what = f"none is needed: each write is synchronous ({row['by']})"
        table.append([mark(row, header), str(row["connections"]), f"{each / row['messages']:.2f}",
                      f"{what or 'none'}, for {row['messages']} messages"])
    return table


def runs_table(cells, _, fields):
    table = [["", *[title for _, title, _ in fields]]]
    for row in (r for cell in cells for r in cell["rows"]):
        if row.get("runs"):
            table.append([row["peer"], *[Figure(r[key] for r in row["runs"]).text(form) for key, _, form in fields]])
        else:
            table.append([row["peer"], f"not run: {row.get('not_run')}"] + [""] * (len(fields) - 1))
    return table


def generator_table(cells, _):
    rows = [r for cell in cells for r in cell["rows"]]
    return [["", "messages/s"]] + [[r["peer"], Figure(r["rates"]).text("{:.0f}")] for r in rows]


def reuse_table(cells, header):
    table = [["cell", "peer", "messages a handshake", "connections", "CPU ms a message", "messages/s",
              "CPU, × smtptool"]]
    for cell in cells:
        own = next((r["runs"] for r in cell["rows"] if r["peer"] == "smtptool" and r.get("runs")), [])
        for row in cell["rows"]:
            if not row.get("runs"):
                table.append([cell["title"], mark(row, header), f"not run: {row.get('not_run')}"] + [""] * 4)
                continue
            figure = {key: Figure(r[key] for r in row["runs"]) for key in ("each", "connections", "cpu", "rate")}
            pairs = [r["cpu"] / o["cpu"] for r, o in zip(row["runs"], own)]
            table.append([cell["title"], mark(row, header), figure["each"].text("{:.1f}"),
                          figure["connections"].text("{:.0f}"), figure["cpu"].text(), figure["rate"].text("{:.0f}"),
                          Figure(pairs).text("{:.1f}") if row["peer"] != "smtptool" and pairs else "–"])
    return table


def deferred_table(cells, header):
    table = [["cell", "p50 ms, without → with", "p99 ms of all", "p99 ms of a turn, without", "with", "p99, with / without",
              "CPU ms a message", "CPU, with / without", "PSS MiB, empty → full", "idle CPU %"]]
    for row, cell in ((r, c) for c in cells for r in c["rows"]):
        def figure(which, key, form="{:.2f}"):
            return Figure(r[which][key] for r in row["rounds"]).text(form) # noqa: B023
        def times(key):
            return Figure(r["full"][key] / r["empty"][key] for r in row["rounds"]).text("{:.2f}") # noqa: B023
        if "rounds" not in row:
            table.append([cell["title"], f"not run: {row.get('not_run')}"] + [""] * 8)
            continue
        empty, full = row["whole"]["empty"], row["whole"]["full"]
        table.append([cell["title"], f"{empty['p50']:.2f} → {full['p50']:.2f}",
                      f"{empty['p99']:.2f} → {full['p99']:.2f}", figure("empty", "p99"), figure("full", "p99"),
                      times("p99"), figure("full", "cpu", "{:.3f}"), times("cpu"),
                      f"{mib(row['empty']['pss_kib'])} → {mib(row['full']['pss_kib'])}",
                      f"{row['idle'][0]:.1f} → {row['idle'][1]:.1f}"])
    return table


TABLES = {
    "reuse": reuse_table, "deferred": deferred_table,
    "idle": idle_table, "growth": growth_table, "waiting": waiting_table, "syncs": syncs_table,
    "generator": generator_table,
    "judge": lambda c, h: runs_table(c, h, [("cpu", "CPU ms a message", "{:.3g}")]),
    "signatures": lambda c, h: runs_table(c, h, [("rate", "a second", "{:.0f}"),
                                                 ("openssl", "openssl speed", "{:.0f}"),
                                                 ("share", "share, %", "{:.0f}")]),
    "handshake": lambda c, h: runs_table(c, h, [("cpu", "CPU ms a handshake", "{:.3g}"),
                                                ("rate", "handshakes/s", "{:.0f}")]),
    "bulk": lambda c, h: [["", "mails/s", "CPU us a mail", "most memory, MiB"]] + [
        [r["peer"], f"not run: {r['not_run']}", "", ""] if "not_run" in r else
        [r["peer"], f"{r['rate']:.0f}", f"{r['cpu']:.1f}", f"{r['memory']:.0f}"] for cell in c for r in cell["rows"]],
    "bulk-kill": lambda c, h: [["", "recipients, each once", "kills", "repeats taken once", "in doubt", "most memory, MiB"]] + [
        [r["peer"], f"{r['count']:,}", f"{r['kills']}", f"{r['repeated']}", f"{r['in_doubt']}", f"{r['memory']:.0f}"]
        for cell in c for r in cell.get("rows", [])],
    "client": lambda c, h: runs_table(c, h, [("wall", "ms", "{:.1f}"), ("cpu", "CPU ms", "{:.1f}")]),
}


def sections(header, cells):
    """(heading, words, table, why cells were not run)"""
    for kind, (heading, words) in HEADINGS.items():
        of_kind = [c for c in cells if c["kind"] == kind]
        if of_kind:
            missing = [f"{c['cell']} was not run: {c['not_run']}." for c in of_kind if "not_run" in c]
            yield heading, words, TABLES.get(kind, load_table)(of_kind, header), missing


# ---- text --------------------------------------------------------------------------------------

def introduction(header, cells):
    versions = ", ".join([header["version"]] + [p["version"] for p in header["peers"][1:] if p["version"]])
    minutes = sum(c["seconds"] for c in cells) / 60
    lines = [f"Measured {header['date']} on {header['machine']}; queues on {header['file_system']}. {versions}. "
             f"Median of {header['pairs']} interleaved runs (lowest–highest); CPU is that of all processes of a "
             f"peer, by {header['counted_by']}. {'Every cell' if header['full'] else 'The core table'}, "
             f"{minutes:.0f} minutes.", ""]
    lines += [f"- {p['name']}{'' if p['durable'] else ' †'}: {p['durability']}." for p in header["peers"]]
    if any(not p["durable"] for p in header["peers"]):
        lines += ["", "† A message that it has taken does not survive a power cut: not the same work."]
    return lines + ([""] + header["notes"] if header["notes"] else [])


def aligned(table):
    widths = [max(len(row[i]) for row in table if not row[i].startswith("not run"))
              for i in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def markdown(table):
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    return [lines[0], "|" + "---|" * len(table[0]), *lines[1:]]


def text(header, cells):
    """For the terminal."""
    lines = introduction(header, cells)
    for heading, words, table, missing in sections(header, cells):
        lines += ["", heading.upper(), words, "", *aligned(table), *missing]
    return "\n".join(lines)


def write(path, template, header, cells, pictures):
    whole = read(path) or read(template)
    if BEGIN not in whole or END not in whole:
        raise Failed(f"{path} has no place for the figures")
    lines = introduction(header, cells)
    for name, words in pictures:
        lines += ["", f"![{words}]({name})"]
    for heading, words, table, missing in sections(header, cells):
        lines += ["", f"### {heading}", "", words, "", *markdown(table)]
        lines += [""] + missing if missing else []
    before, rest = whole.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w") as file:
        file.write(before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after)
