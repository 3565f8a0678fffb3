/* observe: records of the state folder laid over what a host says of its domains. The host is simulated; the
 * records are files. */
#include "have/observe.h"
#include "scratch.h"
#include "simulated.h"
#include "state/record.h"
#include <time.h>

TestSuite(observe, .init = scratch_enter, .fini = scratch_leave);

static const char uid_a[] = "11111111-1111-4111-8111-111111111111";
static const char record_file[] = "state/domains/11111111-1111-4111-8111-111111111111.json";

/* One running domain; `mark` is a Record as JSON, or NULL. */
static struct simulated host_with(const char *mark)
{
	ARENA_SCOPED arena = arena_new();
	return simulated_open(arena_format(arena,
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"domains\": ["
		"{\"domid\": 3, \"uuid\": \"%s\", \"name\": \"a\", \"owned\": %s, \"power\": \"Running\", "
		"%s%s%s"
		" \"spec\": {\"memory\": \"64MiB\", \"disks\": [], \"nics\": ["
		"{\"mac\": \"00:16:3e:00:00:01\", \"device\": 0}, {\"mac\": \"00:16:3e:00:00:02\", "
		"\"device\": 1}]}}]}",
		uid_a, mark ? "true" : "false", mark ? "\"mark\": " : "", mark ? mark : "", mark ? "," : ""));
}

static const char mark_of_ours[] =
	"{\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\", \"source\": \"/m\"}";

static struct have *look(struct simulated *sim, struct report *report)
{
	const struct observer observer = {.host = sim->host,
		.storage = sim->host->driver->storage(sim->host),
		.owner = "default",
		.state_dir = "state",
		.now = (int64_t)time(NULL)};
	return observe(&observer, NULL, report);
}

static void record_store(const char *text)
{
	cr_assert(file_folders("state/domains", 0700));
	scratch_write(record_file, text);
}

Test(observe, a_domain_without_record_and_mark_is_unmanaged)
{
	SIMULATED sim = host_with(NULL);
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct HaveDomain *domain = have_domain(have, uid_a);
	cr_assert(KNOWN(domain, HaveDomain, owned));
	cr_assert_not(domain->owned);
	cr_assert_str_eq(have->found->host->owner, "default");
}

Test(observe, a_record_alone_makes_it_ours_and_its_mark_is_missing)
{
	SIMULATED sim = host_with(NULL);
	record_store(mark_of_ours);
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct HaveDomain *domain = have_domain(have, uid_a);
	cr_assert(domain->owned);
	cr_assert_str_eq(domain->mark->source, "/m");
	cr_assert(KNOWN(domain, HaveDomain, markStale) && domain->markStale);
}

Test(observe, a_mark_alone_makes_it_ours)
{
	SIMULATED sim = host_with(mark_of_ours);
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct HaveDomain *domain = have_domain(have, uid_a);
	cr_assert(domain->owned);
	cr_assert_not(KNOWN(domain, HaveDomain, markStale));
}

Test(observe, of_record_and_mark_the_record_is_believed)
{
	SIMULATED sim = host_with(mark_of_ours);
	record_store("{\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\", \"source\": \"/m\","
		     " \"protect\": true}");
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct HaveDomain *domain = have_domain(have, uid_a);
	cr_assert(domain->owned);
	cr_assert(domain->mark->protect);
	cr_assert(KNOWN(domain, HaveDomain, markStale) && domain->markStale);
}

Test(observe, a_mark_that_left_out_what_is_long_is_not_stale)
{
	SIMULATED sim = host_with(mark_of_ours);
	record_store("{\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\", \"source\": \"/m\","
		     " \"nics\": [{\"name\": \"lan\", \"mac\": \"00:16:3e:00:00:01\"}], \"xl\": "
		     "{\"nestedhvm\": 1}}");
	HAVE_SCOPED have = look(&sim, sim.report);
	cr_assert_not(KNOWN(have_domain(have, uid_a), HaveDomain, markStale));
}

Test(observe, a_record_of_another_owner_or_kind_makes_nothing_ours)
{
	static const char *const others[] = {
		"{\"owner\": \"other\", \"kind\": \"Domain\", \"name\": \"a\"}",
		"{\"owner\": \"default\", \"kind\": \"Volume\", \"name\": \"a\"}",
	};
	for (int i = 0; i < 2; i++) {
		SIMULATED sim = host_with(mark_of_ours);
		record_store(others[i]);
		HAVE_SCOPED have = look(&sim, sim.report);
		const struct HaveDomain *domain = have_domain(have, uid_a);
		cr_assert(KNOWN(domain, HaveDomain, owned));
		cr_assert_not(domain->owned, "%s", others[i]);
	}
}

Test(observe, a_record_of_another_domain_is_not_taken_for_this_one)
{
	SIMULATED sim = host_with(NULL);
	cr_assert(file_folders("state/domains", 0700));
	scratch_write("state/domains/11111111-1111-4111-8111-111111111112.json", mark_of_ours);
	HAVE_SCOPED have = look(&sim, sim.report);
	cr_assert_not(have_domain(have, uid_a)->owned);
}

Test(observe, a_broken_record_is_passed_over_with_a_warning)
{
	SIMULATED sim = host_with(NULL);
	record_store("{\"owner\": \"default\", \"ki");
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct HaveDomain *domain = have_domain(have, uid_a);
	cr_assert(KNOWN(domain, HaveDomain, owned));
	cr_assert_not(domain->owned);
	cr_assert_eq(report_count(sim.report, SEVERITY_WARNING), 1);
}

Test(observe, where_records_cannot_be_read_it_is_not_known_whose_it_is)
{
	SIMULATED sim = host_with(mark_of_ours);
	cr_assert_eq(mkdir("state", 0700), 0);
	scratch_write("state/domains", "a file where the folder would be");
	HAVE_SCOPED have = look(&sim, sim.report);
	cr_assert(have->known);
	cr_assert_not(KNOWN(have_domain(have, uid_a), HaveDomain, owned));
}

Test(observe, nics_get_their_names_by_their_addresses)
{
	SIMULATED sim = host_with(mark_of_ours);
	record_store("{\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\", \"nics\": ["
		     "{\"name\": \"wan\", \"mac\": \"00:16:3e:00:00:02\"},"
		     "{\"name\": \"gone\", \"mac\": \"00:16:3e:00:00:09\"}]}");
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct list *nics = &have_domain(have, uid_a)->spec->nics;
	cr_assert_eq(nics->count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct Nic *nic = nics->item[i];
		if (strcmp(nic->mac, "00:16:3e:00:00:02") == 0)
			cr_assert_str_eq(nic->name, "wan");
		else
			cr_assert_not(KNOWN(nic, Nic, name));
	}
}

Test(observe, keys_of_xl_are_those_of_the_record)
{
	SIMULATED sim = host_with(mark_of_ours);
	record_store("{\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\", \"xl\": "
		     "{\"nestedhvm\": 1}}");
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct DomainSpec *spec = have_domain(have, uid_a)->spec;
	cr_assert(KNOWN(spec, DomainSpec, xl));
	cr_assert_eq(spec->xl.count, 1);
	cr_assert_str_eq(spec->xl.item[0].key, "nestedhvm");
}

Test(observe, keys_of_xl_are_not_known_of_what_is_not_ours)
{
	SIMULATED sim = host_with(NULL);
	HAVE_SCOPED have = look(&sim, sim.report);
	const struct DomainSpec *spec = have_domain(have, uid_a)->spec;
	cr_assert_not(KNOWN(spec, DomainSpec, xl));
}

Test(observe, a_host_that_cannot_be_seen_has_no_domains_and_says_why)
{
	SIMULATED sim = simulated_open("{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\","
				       " \"sim\": {\"unobservable\": 1}}");
	HAVE_SCOPED have = look(&sim, sim.report);
	cr_assert_not(have->known);
	cr_assert_not_null(have->why_unknown);
	HAVE_SCOPED again = look(&sim, sim.report);
	cr_assert(again->known);
}
