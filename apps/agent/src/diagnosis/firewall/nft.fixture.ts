/** `nft -j -t list ruleset` of nftables 1.0.6, as it printed it. */
export const rulesetJson = `{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
{"table": {"family": "netdev", "name": "guard", "handle": 1}},
{"counter": {"family": "netdev", "name": "named", "table": "guard", "handle": 3, "packets": 0, "bytes": 0}},
{"chain": {"family": "netdev", "table": "guard", "name": "in", "handle": 1, "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept"}},
{"chain": {"family": "netdev", "table": "guard", "name": "out", "handle": 2, "type": "filter", "hook": "egress", "prio": 0, "policy": "drop"}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 4, "comment": "x", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "arp", "field": "operation"}}, "right": "request"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 5, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "172.16.100.0", "len": 24}}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "protocol"}}, "right": "icmp"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 6, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "type"}}, "right": "arp"}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 8, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"set": ["172.16.100.10", {"range": ["172.16.100.20", "172.16.100.30"]}]}}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 9, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "vlan", "field": "id"}}, "right": 10}}, {"counter": {"packets": 3, "bytes": 4}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 10, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "1.2.3.4"}}, {"counter": "named"}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 11, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 12, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 13, "expr": [{"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "172.16.100.0", "len": 24}}}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 14, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "pkttype"}}, "right": "broadcast"}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 15, "expr": [{"limit": {"rate": 10, "burst": 5, "per": "second", "inv": true}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 16, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "saddr"}}, "right": "02:42:ac:10:64:0a"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 17, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "icmp", "field": "type"}}, "right": "echo-request"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 18, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "arp", "field": "daddr ip"}}, "right": "172.16.100.20"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 20, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "type"}}, "right": {"set": ["arp", "ip6"]}}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "netdev", "table": "guard", "chain": "in", "handle": 21, "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}}, {"drop": null}]}},
{"table": {"family": "bridge", "name": "b", "handle": 2}},
{"chain": {"family": "bridge", "table": "b", "name": "f", "handle": 1, "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
{"rule": {"family": "bridge", "table": "b", "chain": "f", "handle": 2, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "daddr"}}, "right": "01:80:c2:00:00:00"}}, {"drop": null}]}},
{"rule": {"family": "bridge", "table": "b", "chain": "f", "handle": 3, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "tap*"}}, {"drop": null}]}},
{"table": {"family": "inet", "name": "f", "handle": 3}},
{"set": {"family": "inet", "name": "bad", "table": "f", "type": "ipv4_addr", "handle": 5}},
{"chain": {"family": "inet", "table": "f", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
{"chain": {"family": "inet", "table": "f", "name": "sub", "handle": 2}},
{"chain": {"family": "inet", "table": "f", "name": "sub2", "handle": 3}},
{"chain": {"family": "inet", "table": "f", "name": "ing", "handle": 4, "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept"}},
{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 7, "expr": [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}], ["established", {"accept": null}], ["new", {"jump": {"target": "sub"}}]]}}}]}},
{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 8, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "ens33"}}, {"jump": {"target": "sub"}}]}},
{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 10, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": ["a", "b"]}}}, {"reject": {"type": "icmpx", "expr": "port-unreachable"}}]}},
{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 11, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@bad"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 13, "expr": [{"vmap": {"key": {"payload": {"protocol": "ip", "field": "protocol"}}, "data": {"set": [["icmp", {"jump": {"target": "sub2"}}]]}}}]}},
{"rule": {"family": "inet", "table": "f", "chain": "sub", "handle": 14, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": {"prefix": {"addr": "fd00::", "len": 64}}}}, {"counter": {"packets": 0, "bytes": 0}}, {"reject": {"type": "icmpv6", "expr": "port-unreachable"}}]}},
{"rule": {"family": "inet", "table": "f", "chain": "sub", "handle": 15, "expr": [{"return": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "sub2", "handle": 16, "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "ing", "handle": 17, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "protocol"}}, "right": "arp"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "ing", "handle": 19, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "nexthdr"}}, "right": "ipv6-icmp"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": {"set": ["echo-request", "nd-neighbor-solicit"]}}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "ing", "handle": 20, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv6"}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "f", "chain": "ing", "handle": 21, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "ens33"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}},
{"table": {"family": "arp", "name": "a", "handle": 4}},
{"chain": {"family": "arp", "table": "a", "name": "i", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "arp", "table": "a", "chain": "i", "handle": 2, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "arp", "field": "operation"}}, "right": "reply"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}]}`;

/** `nft -a -t list ruleset` of the same. */
export const rulesetText = `table netdev guard { # handle 1
	counter named { # handle 3
		packets 0 bytes 0
	}

	chain in { # handle 1
		type filter hook ingress device "ens33" priority filter; policy accept;
		arp operation request counter packets 0 bytes 0 drop comment "x" # handle 4
		ip saddr 172.16.100.0/24 ip protocol icmp counter packets 0 bytes 0 drop # handle 5
		ether type arp drop # handle 6
		ip daddr { 172.16.100.10, 172.16.100.20-172.16.100.30 } drop # handle 8
		vlan id 10 counter packets 3 bytes 4 drop # handle 9
		ip daddr 1.2.3.4 counter name "named" drop # handle 10
		meta l4proto tcp drop # handle 11
		tcp dport 22 drop # handle 12
		ip saddr != 172.16.100.0/24 drop # handle 13
		meta pkttype broadcast drop # handle 14
		limit rate over 10/second counter packets 0 bytes 0 drop # handle 15
		ether saddr 02:42:ac:10:64:0a counter packets 0 bytes 0 drop # handle 16
		icmp type echo-request counter packets 0 bytes 0 drop # handle 17
		arp daddr ip 172.16.100.20 counter packets 0 bytes 0 drop # handle 18
		ether type { arp, ip6 } counter packets 0 bytes 0 drop # handle 20
		counter packets 0 bytes 0 ip saddr 10.0.0.1 drop # handle 21
	}

	chain out { # handle 2
		type filter hook egress device "ens33" priority filter; policy drop;
	}
}
table bridge b { # handle 2
	chain f { # handle 1
		type filter hook forward priority 0; policy accept;
		ether daddr 01:80:c2:00:00:00 drop # handle 2
		oifname "tap*" drop # handle 3
	}
}
table inet f { # handle 3
	set bad { # handle 5
		type ipv4_addr
	}

	chain input { # handle 1
		type filter hook input priority filter; policy drop;
		ct state vmap { invalid : drop, established : accept, new : jump sub } # handle 7
		iifname "ens33" jump sub # handle 8
		iifname { "a", "b" } reject # handle 10
		ip saddr @bad counter packets 0 bytes 0 drop # handle 11
		ip protocol vmap { icmp : jump sub2 } # handle 13
	}

	chain sub { # handle 2
		ip6 saddr fd00::/64 counter packets 0 bytes 0 reject with icmpv6 port-unreachable # handle 14
		return # handle 15
	}

	chain sub2 { # handle 3
		counter packets 0 bytes 0 drop # handle 16
	}

	chain ing { # handle 4
		type filter hook ingress devices = { ens33, p } priority filter; policy accept;
		meta protocol arp counter packets 0 bytes 0 drop # handle 17
		ip6 nexthdr ipv6-icmp icmpv6 type { echo-request, nd-neighbor-solicit } drop # handle 19
		meta nfproto ipv6 drop # handle 20
		iif "ens33" counter packets 0 bytes 0 drop # handle 21
	}
}
table arp a { # handle 4
	chain i { # handle 1
		type filter hook input priority filter; policy accept;
		arp operation reply counter packets 0 bytes 0 drop # handle 2
	}
}
`;
