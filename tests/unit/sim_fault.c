#include "simulated.h"

#define HEAD "{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\","

static struct simulated with_fault(const char *fault)
{
	BUFFER_SCOPED text = {0};
	buffer_format(&text, HEAD "\"sim\":{\"faults\":[%s]}}", fault);
	return simulated_open(buffer_string(&text));
}

Test(sim_fault, before_leaves_nothing_and_happens_once)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.create\",\"name\":\"web-1\",\"when\":\"before\","
				   "\"message\":\"no luck\"}");
	struct wanted_domain *other = wanted_make(&sim, "web-2", 128 * MiB);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect(simulated_create(&sim, other), "the fault is for another");
	cr_expect(simulated_do(&sim, verb_domain_check, web), "and for another verb");
	cr_expect_not(simulated_create(&sim, web));
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(sim.done.message, "simulated domain.create of web-1: no luck");
	cr_expect_null(simulated_find(&sim, web->uid));
	cr_expect(simulated_create(&sim, web));
}

Test(sim_fault, count_says_how_often)
{
	SIMULATED sim = with_fault("{\"count\":2}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect_not(simulated_do(&sim, verb_domain_check, web));
	cr_expect_not(simulated_create(&sim, web));
	cr_expect(simulated_create(&sim, web));
}

Test(sim_fault, after_does_the_work_and_denies_it)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.create\",\"when\":\"after\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect_not(simulated_create(&sim, web));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_not_null(have);
	cr_expect_eq(have->power, found_power_Running);
	cr_expect_not(have->halfBuilt);
}

static void expect_half_built(struct simulated *sim, const struct wanted_domain *web)
{
	struct HaveDomain *have = simulated_find(sim, web->uid);
	cr_assert_not_null(have);
	cr_expect_eq(have->power, found_power_Paused);
	cr_expect(have->halfBuilt);
	cr_expect_str_eq(have->name, "web-1");
	cr_expect_not(KNOWN(have, HaveDomain, spec), "nobody describes it");
	cr_expect_lt(simulated_free_memory(sim), 15 * GiB, "it holds its memory");
	cr_expect_not(simulated_create(sim, web), "its name is taken");
	cr_expect(simulated_do(sim, verb_domain_destroy, web));
	cr_expect_eq(simulated_free_memory(sim), 15 * GiB);
	cr_expect(simulated_create(sim, web));
}

Test(sim_fault, half_a_creation_is_a_paused_domain_that_nobody_describes)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.create\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect_not(simulated_create(&sim, web));
	expect_half_built(&sim, web);
}

Test(sim_fault, a_creation_that_hangs_is_killed_at_its_deadline)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.create\",\"when\":\"hang\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	int64_t begun = sim.host->driver->now(sim.host);
	cr_expect_not(simulated_create(&sim, web));
	cr_expect_eq(sim.host->driver->now(sim.host) - begun, 1000 * verb_table[verb_domain_create].deadline);
	cr_expect(strstr(sim.done.message, "did not end in 180 s"), "%s", sim.done.message);
	expect_half_built(&sim, web);
}

Test(sim_fault, half_built_is_not_unpaused)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.create\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect_not(simulated_create(&sim, web));
	cr_expect_not(simulated_do(&sim, verb_domain_unpause, web));
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect_eq(simulated_find(&sim, web->uid)->power, found_power_Paused);
}

Test(sim_fault, half_a_destruction_leaves_what_is_to_be_destroyed)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.destroy\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect_not(simulated_do(&sim, verb_domain_destroy, web));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_not_null(have);
	cr_expect_eq(have->power, found_power_Paused);
	cr_expect(have->halfBuilt);
	cr_expect_not(KNOWN(have, HaveDomain, name));
	cr_expect_not(KNOWN(have, HaveDomain, spec));
	cr_expect_lt(simulated_free_memory(&sim), 15 * GiB);
	sim_advance(sim.host, 60000);
	cr_expect_not_null(simulated_find(&sim, web->uid), "it does not go by itself");
	cr_expect_not(simulated_do(&sim, verb_domain_unpause, web));
	cr_expect(simulated_do(&sim, verb_domain_destroy, web));
	cr_expect_null(simulated_find(&sim, web->uid));
	cr_expect_eq(simulated_free_memory(&sim), 15 * GiB);
}

Test(sim_fault, half_an_attachment_is_there_and_not_connected)
{
	SIMULATED sim = with_fault(
		"{\"verb\":\"disk.attach\",\"when\":\"half\"},{\"verb\":\"nic.attach\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(simulated_do(&sim, verb_domain_verify, web));
	struct wanted_disk *disk = wanted_disk_make(&sim, web, "xvdb", disk_format_raw);
	struct action attach = action_of(&sim, verb_disk_attach, web);
	attach.disk = disk->disk;
	attach.disk_volume = disk->volume;
	cr_expect_not(simulated_run(&sim, attach));
	struct action nic = action_of(&sim, verb_nic_attach, web);
	nic.nic = wanted_nic_make(&sim, "xenbr0", "00:16:3e:00:00:01");
	cr_expect_not(simulated_run(&sim, nic));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_eq(have->spec->disks.count, 1);
	cr_assert_eq(have->spec->nics.count, 1);
	cr_expect_not(((struct Disk *)have->spec->disks.item[0])->connected);
	cr_expect_not(((struct Nic *)have->spec->nics.item[0])->connected);
	cr_expect(simulated_run(&sim, attach), "what is left there is taken away first");
	cr_expect(simulated_run(&sim, nic));
	have = simulated_find(&sim, web->uid);
	cr_assert_eq(have->spec->disks.count, 1);
	cr_assert_eq(have->spec->nics.count, 1);
	cr_expect(((struct Disk *)have->spec->disks.item[0])->connected);
	cr_expect(((struct Nic *)have->spec->nics.item[0])->connected);
}

Test(sim_fault, half_a_detachment_is_not_connected)
{
	SIMULATED sim = with_fault("{\"verb\":\"disk.detach\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	cr_assert(simulated_create(&sim, web));
	cr_assert(simulated_do(&sim, verb_domain_verify, web));
	struct action detach = action_of(&sim, verb_disk_detach, web);
	detach.disk = ((struct wanted_disk *)web->disks.item[0])->disk;
	cr_expect_not(simulated_run(&sim, detach));
	cr_expect_not(((struct Disk *)simulated_find(&sim, web->uid)->spec->disks.item[0])->connected);
	cr_expect(simulated_run(&sim, detach));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->disks.count, 0);
}

Test(sim_fault, a_shutdown_that_hangs_is_asked_for_all_the_same)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.shutdown\",\"when\":\"hang\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect_not(simulated_number(&sim, verb_domain_shutdown, web, 60));
	cr_expect_eq(simulated_find(&sim, web->uid)->power, found_power_Stopped);
}

Test(sim_fault, a_change_that_stops_half_way_has_changed_nothing)
{
	SIMULATED sim = with_fault("{\"verb\":\"domain.set-memory\",\"when\":\"half\"}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 256 * MiB));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->memory, 512 * MiB);
}

Test(sim_fault, unobservable_for_a_while)
{
	SIMULATED sim = simulated_open(HEAD "\"sim\":{\"unobservable\":2}}");
	for (int i = 0; i < 3; i++) {
		HAVE_SCOPED have = have_new();
		sim.host->driver->observe(sim.host, NULL, have);
		cr_expect_eq(have->known, i == 2);
		cr_expect_eq(have->why_unknown == NULL, i == 2);
	}
}

/* The outcomes of 200 checks, as text. */
static char *outcomes(const char *sim_text)
{
	SIMULATED sim = simulated_open(sim_text);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	char *text = strdup("");
	for (int i = 0; i < 200; i++) {
		bool good = simulated_do(&sim, verb_domain_check, web);
		size_t size = strlen(text);
		text = realloc(text, size + 2);
		text[size] = good ? '.' : 'x';
		text[size + 1] = '\0';
	}
	return text;
}

Test(sim_fault, a_seed_strews_them_the_same_way_every_time)
{
	char *one = outcomes(HEAD "\"sim\":{\"seed\":7,\"faultPercent\":20}}");
	char *again = outcomes(HEAD "\"sim\":{\"seed\":7,\"faultPercent\":20}}");
	char *other = outcomes(HEAD "\"sim\":{\"seed\":8,\"faultPercent\":20}}");
	char *none = outcomes(HEAD "\"sim\":{\"seed\":7,\"faultPercent\":0}}");
	char *all = outcomes(HEAD "\"sim\":{\"seed\":7,\"faultPercent\":100}}");
	cr_expect_str_eq(one, again);
	cr_expect_str_neq(one, other);
	cr_expect_null(strchr(none, 'x'));
	cr_expect_null(strchr(all, '.'));
	int faults = 0;
	for (const char *c = one; *c; c++)
		faults += *c == 'x';
	cr_expect(faults > 20 && faults < 60, "%d of 200", faults);
	free(one), free(again), free(other), free(none), free(all);
}

Test(sim_fault, stopped_after_a_change_the_world_stands_still_for_us)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	int stop = 0;
	sim_stop_after(sim.host, 1, &stop);
	cr_expect_not(simulated_create(&sim, web), "it began, and was killed");
	cr_expect_eq(stop, 1);
	cr_expect_eq(sim_changes(sim.host), 1);
	cr_expect(simulated_find(&sim, web->uid)->halfBuilt);
	cr_expect_not(simulated_do(&sim, verb_domain_destroy, web), "a dead process does nothing");
	cr_expect(simulated_find(&sim, web->uid)->halfBuilt);
	sim_stop_after(sim.host, 0, NULL);
	cr_expect(simulated_do(&sim, verb_domain_destroy, web));
	cr_expect_null(simulated_find(&sim, web->uid));
	sim_stop_after(sim.host, 2, &stop);
	stop = 0;
	cr_expect(simulated_create(&sim, web), "a creation is two changes");
	cr_expect_eq(stop, 1);
}
