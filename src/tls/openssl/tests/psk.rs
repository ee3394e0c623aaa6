//! With keys that both sides have.

use super::*;

#[test]
fn equal_keys_connect() {
    for carrier in CARRIERS {
        let (connector, acceptor) =
            (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
        Pair::new(&connector, &acceptor, carrier).connected().talk();
    }
}
