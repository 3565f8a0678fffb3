/* Identities are what guests are found by: the same for ever. The expected ones are those of another
 * implementation (uuid.uuid5 and hashlib of Python). */
#include "model/identity.h"
#include <criterion/criterion.h>

static void expect_uid(const char *owner, const char *kind, const char *name, const char *expected)
{
	char uid[UID_SIZE];
	uid_of(owner, kind, name, uid);
	cr_expect_str_eq(uid, expected);
}

Test(identity, uids_of_objects)
{
	expect_uid("default", "Domain", "web-1", "7d10cef3-b044-5c8f-be8b-d45fde6820f8");
	expect_uid("default", "Volume", "data", "0c62fd08-7e05-50d7-b10c-eb82c30a86ed");
	/* more than one block of the hash */
	expect_uid("ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo", "Volume",
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
		"04e1573e-64a5-54d5-83f0-351297ab2285");
}

/* ec232dc0-dbde-5bb1-b07a-81f121174644 would be taken for Amazon */
Test(identity, no_uid_begins_with_ec2)
{
	expect_uid("default", "Domain", "guest-2123", "10bbb8ef-5bb6-5f66-b14e-6695b02a7584");
	expect_uid("default", "Domain", "guest-10076", "f1c6d94c-e1ce-560a-8536-09bec6bf8ef2");
}

Test(identity, uids_of_inline_volumes)
{
	char uid[UID_SIZE];
	uid_of_inline("7d10cef3-b044-5c8f-be8b-d45fde6820f8", "xvda", uid);
	cr_expect_str_eq(uid, "8fd52b6d-44a3-5cd0-8edd-f7be133a7381");
}

Test(identity, macs_are_lower_case_below_the_prefix)
{
	char mac[MAC_SIZE];
	mac_of("00:16:3E", "7d10cef3-b044-5c8f-be8b-d45fde6820f8", "eth0", mac);
	cr_expect_str_eq(mac, "00:16:3e:12:9c:c2");
}
