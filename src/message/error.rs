//! Error responses: the code, the options that caused it, and a text for people (RFC 7252 §5.5.2).

use super::{Code, Number, Pdu};

/// Makes `response` an error answer to `request`: the code, those options of the request that
/// `echo` names, and the code's text, if there is room for it. Content-Format is never repeated:
/// it would speak of the text.
pub fn fill(response: &mut Pdu, request: &Pdu, code: Code, mut echo: impl FnMut(Number) -> bool) {
    response.set_code(code);
    for opt in request.options().filter(|o| echo(o.number) && o.number != Number::CONTENT_FORMAT) {
        // A second one of what may stand there once is left out, as is what has no room.
        let _ = response.compose_option(opt.number, opt.value);
    }
    // RFC 8768 §3: the payload of a 5.08 names hosts.
    if code != Code::HOP_LIMIT_REACHED
        && let Some(text) = code.phrase()
    {
        // Without room for the text, the code has to do.
        let _ = response.set_payload(text.to_bytes());
    }
}

/// Turns a response that could not be completed into an error.
pub fn replace(response: &mut Pdu, request: &Pdu, code: Code) {
    let (kind, mid, max) = (response.kind(), response.mid(), response.max_size());
    response.reset(kind, code, mid, max);
    let _ = response.set_token(request.token());
    fill(response, request, code, |_| false);
}

/// The path of a request, for log lines.
pub fn path_text(request: &Pdu) -> String {
    let segments: Vec<_> = request
        .options()
        .filter(|o| o.number == Number::URI_PATH)
        .map(|o| String::from_utf8_lossy(o.value).into_owned())
        .collect();
    segments.join("/")
}
