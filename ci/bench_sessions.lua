-- SPDX-License-Identifier: MIT
-- The plain session of ci/bench_sessions.py in OpenDKIM's miltertest: SESSIONS times, to ADDRESS.
for _ = 1, tonumber(sessions) do
    local c = mt.connect(address)
    if c == nil then
        error("cannot connect to " .. address)
    end
    for _, problem in ipairs({
        mt.macro(c, SMFIC_CONNECT, "j", "mx.example.com") or "",
        mt.conninfo(c, "client.example", "192.0.2.1") or "",
        mt.macro(c, SMFIC_MAIL, "{mail_addr}", "alice@example.org") or "",
        mt.mailfrom(c, "<alice@example.org>") or "",
        mt.macro(c, SMFIC_RCPT, "{rcpt_addr}", "bob@example.com") or "",
        mt.rcptto(c, "<bob@example.com>") or "",
        mt.header(c, "From", "<alice@example.org>") or "",
        mt.header(c, "To", "<bob@example.com>") or "",
        mt.header(c, "Subject", "a test") or "",
        mt.eoh(c) or "",
        mt.bodystring(c, "Hello.\r\n") or "",
        mt.eom(c) or "",
    }) do
        if problem ~= "" then
            error(problem)
        end
    end
    mt.disconnect(c)
end
