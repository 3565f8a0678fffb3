#include "simulated.h"

#define HEAD "{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\","

Test(sim_verb, a_created_domain_boots_and_connects)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	wanted_nic_add(&sim, web, "xenbr0", "00:16:3e:00:00:01");
	web->spec->boot->at[Boot_cmdline] = &mark_derived;
	web->spec->boot->cmdline = "ro quiet";
	cr_assert(simulated_create(&sim, web));

	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_not_null(have);
	cr_expect_eq(have->domid, 1);
	cr_expect_str_eq(have->name, "web-1");
	cr_expect_eq(have->power, found_power_Running);
	cr_expect(have->owned);
	cr_expect_not(have->halfBuilt);
	cr_expect_not(have->deviceModel);
	cr_expect_str_eq(have->mark->name, "web-1");
	cr_expect_eq(have->spec->memory, 512 * MiB);
	cr_expect_eq(have->spec->maxMemory, 512 * MiB);
	cr_expect_eq(have->spec->vcpus, 1);
	cr_expect_str_eq(have->spec->boot->cmdline, "ro quiet");
	cr_expect(KNOWN(have->spec->boot, Boot, ramdisk), "that there is none is known");
	const struct Disk *disk = have->spec->disks.item[0];
	const struct Nic *nic = have->spec->nics.item[0];
	cr_expect_str_eq(disk->target, "/sim/web-1-xvda");
	cr_expect_str_eq(disk->id, "sim:9:xvda");
	cr_expect_not(disk->connected, "frontends connect after xl create has returned");
	cr_expect_not(nic->connected);

	cr_assert(simulated_do(&sim, verb_domain_verify, web));
	have = simulated_find(&sim, web->uid);
	cr_expect(((struct Disk *)have->spec->disks.item[0])->connected);
	cr_expect(((struct Nic *)have->spec->nics.item[0])->connected);
}

Test(sim_verb, time_is_virtual_and_creation_takes_some)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	struct action create = action_of(&sim, verb_domain_create, web);
	create.id = 7;
	sim.done.arena = sim.arena;
	int64_t before = sim.host->driver->now(sim.host);
	sim.host->driver->begin(sim.host, &create, &sim.links);
	cr_expect_not(sim.host->driver->reap(sim.host, before + 10, &sim.done), "too early");
	cr_expect_eq(sim.host->driver->now(sim.host), before + 10);
	cr_assert(sim.host->driver->reap(sim.host, before + 100000, &sim.done));
	cr_expect_eq(sim.done.id, 7);
	cr_expect_gt(sim.host->driver->now(sim.host), before + 10);
	cr_expect_lt(sim.host->driver->now(sim.host), before + 100000);
	cr_expect_not(sim.host->driver->reap(sim.host, INT64_MAX, &sim.done), "reaped once only");
}

Test(sim_verb, nothing_in_flight_lets_time_pass_to_the_end)
{
	SIMULATED sim = simulated_open(NULL);
	int64_t now = sim.host->driver->now(sim.host);
	cr_expect_not(sim.host->driver->reap(sim.host, now + 5000, &sim.done));
	cr_expect_eq(sim.host->driver->now(sim.host), now + 5000);
}

Test(sim_verb, numbers_only_grow)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(simulated_do(&sim, verb_domain_destroy, web));
	cr_assert_null(simulated_find(&sim, web->uid));
	cr_assert(simulated_create(&sim, web));
	cr_expect_eq(simulated_find(&sim, web->uid)->domid, 2);
}

Test(sim_verb, memory_is_taken_and_given_back)
{
	SIMULATED sim = simulated_open(NULL);
	int64_t before = simulated_free_memory(&sim);
	cr_expect_eq(before, 15 * GiB, "16 GiB, less what dom0 has");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 2 * GiB);
	cr_assert(simulated_create(&sim, web));
	int64_t after = simulated_free_memory(&sim);
	cr_expect_lt(after, before - 2 * GiB);
	cr_expect_gt(after, before - 2 * GiB - 64 * MiB);
	cr_assert(simulated_do(&sim, verb_domain_destroy, web));
	cr_expect_eq(simulated_free_memory(&sim), before);
}

Test(sim_verb, creation_that_is_refused_leaves_nothing)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *large = wanted_make(&sim, "large", 20 * GiB);
	cr_expect_not(simulated_create(&sim, large));
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect(strstr(sim.done.message, "memory is short"), "%s", sim.done.message);

	struct wanted_domain *nowhere = wanted_make(&sim, "nowhere", 128 * MiB);
	wanted_nic_add(&sim, nowhere, "br9", "00:16:3e:00:00:01");
	cr_expect_not(simulated_create(&sim, nowhere));
	cr_expect_eq(sim.done.outcome, OUTCOME_TERMINAL);
	cr_expect(strstr(sim.done.message, "no bridge br9"), "%s", sim.done.message);

	struct wanted_domain *diskless = wanted_make(&sim, "diskless", 128 * MiB);
	wanted_disk_add(&sim, diskless, "xvda", disk_format_raw);
	uid_of("default", "Volume", "another", ((struct wanted_disk *)diskless->disks.item[0])->volume->uid);
	cr_expect_not(simulated_create(&sim, diskless));
	cr_expect(strstr(sim.done.message, "no file behind disk xvda"), "%s", sim.done.message);

	struct wanted_domain *kernelless = wanted_make(&sim, "kernelless", 128 * MiB);
	spec_of(kernelless)->boot = NULL;
	cr_expect_not(simulated_create(&sim, kernelless));
	cr_expect(strstr(sim.done.message, "neither kernel nor bootloader"), "%s", sim.done.message);

	cr_expect_eq(simulated_count(&sim), 0);
	cr_expect_eq(simulated_free_memory(&sim), 15 * GiB);
}

Test(sim_verb, check_judges_and_changes_nothing)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	cr_expect(simulated_do(&sim, verb_domain_check, web));
	KNOW(spec_of(web), DomainSpec, maxMemory, 256 * MiB);
	cr_expect_not(simulated_do(&sim, verb_domain_check, web));
	cr_expect(strstr(sim.done.message, "above maxmem"), "%s", sim.done.message);
	KNOW(spec_of(web), DomainSpec, maxMemory, 512 * MiB);
	KNOW(spec_of(web), DomainSpec, vcpus, 4);
	KNOW(spec_of(web), DomainSpec, maxVcpus, 2);
	cr_expect_not(simulated_do(&sim, verb_domain_check, web));
	cr_expect(strstr(sim.done.message, "above maxvcpus"), "%s", sim.done.message);
	KNOW(spec_of(web), DomainSpec, vcpus, 2);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	cr_expect_not(simulated_do(&sim, verb_domain_check, web));
	cr_expect(strstr(sim.done.message, "two disks are xvda"), "%s", sim.done.message);
	cr_expect_eq(simulated_count(&sim), 0);
	cr_expect_eq(sim_changes(sim.host), 0);
}

Test(sim_verb, a_name_and_a_uuid_are_had_once)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	struct wanted_domain *same_name = wanted_make(&sim, "web-1", 128 * MiB);
	uid_of("default", "Domain", "other", same_name->uid);
	cr_expect_not(simulated_create(&sim, same_name));
	cr_expect(strstr(sim.done.message, "a domain named web-1 exists"), "%s", sim.done.message);
	struct wanted_domain *same_uuid = wanted_make(&sim, "web-2", 128 * MiB);
	strcpy(same_uuid->uid, web->uid);
	cr_expect_not(simulated_create(&sim, same_uuid), "real Xen would not mind");
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect(strstr(sim.done.message, "its UUID is there"), "%s", sim.done.message);
	cr_expect_eq(simulated_count(&sim), 1);
}

Test(sim_verb, a_shutdown_is_obeyed_after_the_boot_and_leaves_the_guest_stopped)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	int64_t created = sim.host->driver->now(sim.host);
	cr_assert(simulated_number(&sim, verb_domain_shutdown, web, 60));
	cr_expect_geq(sim.host->driver->now(sim.host), created + 3000, "a kernel that boots cannot obey");
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_expect_eq(have->power, found_power_Stopped);
	cr_expect_eq(have->ended, ended_poweroff);
	cr_expect(KNOWN(have, HaveDomain, ended));
	cr_expect(simulated_number(&sim, verb_domain_shutdown, web, 60), "it is stopped already");
	cr_expect(simulated_do(&sim, verb_domain_destroy, web));
	cr_expect_eq(simulated_count(&sim), 0);
	cr_expect(simulated_do(&sim, verb_domain_destroy, web), "what is gone has been destroyed");
}

Test(sim_verb, a_deaf_guest_lets_the_shutdown_run_out)
{
	SIMULATED sim = simulated_open(HEAD "\"sim\":{\"deaf\":[\"web-1\"]}}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	int64_t created = sim.host->driver->now(sim.host);
	cr_expect_not(simulated_number(&sim, verb_domain_shutdown, web, 60));
	cr_expect_eq(sim.host->driver->now(sim.host), created + 60000);
	cr_expect(strstr(sim.done.message, "did not obey in 60 s"), "%s", sim.done.message);
	cr_expect_not_null(sim.done.hint);
	struct action escalating = action_of(&sim, verb_domain_shutdown, web);
	escalating.number = 10;
	escalating.escalates = true;
	cr_expect(simulated_run(&sim, escalating), "destroy comes after it: that is no failure");
	cr_expect_eq(simulated_find(&sim, web->uid)->power, found_power_Running);
}

Test(sim_verb, a_live_change_of_memory_keeps_to_the_limits)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	KNOW(spec_of(web), DomainSpec, maxMemory, 1 * GiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect(simulated_number(&sim, verb_domain_set_memory, web, 768 * MiB));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->memory, 768 * MiB);
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 2 * GiB));
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect(strstr(sim.done.message, "above the limit of 1GiB"), "%s", sim.done.message);
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->memory, 768 * MiB);
	cr_assert(sim_add(sim.host, "greedy", NULL, simulated_free_memory(&sim) - 64 * MiB - 128 * MiB));
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 1 * GiB), "nobody has that much");
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
}

Test(sim_verb, a_live_change_of_memory_stops_at_the_floor)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 10 * MiB));
	cr_expect_eq(sim.done.outcome, OUTCOME_TERMINAL);
	cr_expect(strstr(sim.done.message, "memoryFloor is 32MiB"), "%s", sim.done.message);
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->memory, 512 * MiB);
}

Test(sim_verb, a_balloon_that_is_too_small_kills_where_the_host_lets_it)
{
	SIMULATED sim = {.arena = arena_new(), .report = report_new()};
	struct HostSpec *spec = type_new(sim.arena, &type_HostSpec);
	spec->memoryFloor = 4 * MiB;
	const struct host_options options = {.owner = "default", .spec = spec, .writes = true};
	sim.links.arena = sim.arena;
	sim.host = host_sim.open(&options, sim.report);
	cr_assert_not_null(sim.host);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect(simulated_number(&sim, verb_domain_set_memory, web, 10 * MiB));
	cr_expect_eq(simulated_find(&sim, web->uid)->ended, ended_crash);
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 64 * MiB), "it is dead");
}

Test(sim_verb, without_a_monitor_a_reboot_is_an_end)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect(sim_poke(sim.host, "web-1", sim_event_unmonitor));
	cr_expect_not(sim_poke(sim.host, "web-1", sim_event_unmonitor), "it is gone already");
	cr_expect(sim_poke(sim.host, "web-1", sim_event_reboot));
	sim_advance(sim.host, 10000);
	cr_expect_eq(simulated_find(&sim, web->uid)->ended, ended_reboot);
}

Test(sim_verb, what_its_monitor_is_about_to_bring_back_is_waited_for)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	cr_expect(simulated_create(&sim, web));
	cr_expect_eq(simulated_count(&sim), 1);
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	cr_expect(simulated_do(&sim, verb_domain_destroy, web));
	sim_advance(sim.host, 10000);
	cr_expect_eq(simulated_count(&sim), 0);
}

Test(sim_verb, a_paused_guest_goes_on_where_it_was)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	cr_assert(simulated_create(&sim, web));
	cr_assert(simulated_do(&sim, verb_domain_verify, web));
	cr_expect(sim_poke(sim.host, "web-1", sim_event_pause));
	cr_expect_eq(simulated_find(&sim, web->uid)->power, found_power_Paused);
	cr_expect_not(simulated_do(&sim, verb_domain_verify, web));
	cr_expect(simulated_do(&sim, verb_domain_unpause, web));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_expect_eq(have->power, found_power_Running);
	cr_expect(((struct Disk *)have->spec->disks.item[0])->connected, "its devices stayed connected");
	cr_assert(sim_poke(sim.host, "web-1", sim_event_crash));
	cr_expect_not(simulated_do(&sim, verb_domain_unpause, web));
}

Test(sim_verb, vcpus_up_to_the_maximum)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	KNOW(spec_of(web), DomainSpec, vcpus, 2);
	KNOW(spec_of(web), DomainSpec, maxVcpus, 4);
	cr_assert(simulated_create(&sim, web));
	cr_expect(simulated_number(&sim, verb_domain_set_vcpus, web, 4));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->vcpus, 4);
	cr_expect_not(simulated_number(&sim, verb_domain_set_vcpus, web, 5));
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not(simulated_number(&sim, verb_domain_set_vcpus, web, 0));
}

Test(sim_verb, pinning_is_forgotten_by_the_monitor_and_the_share_is_not)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 512 * MiB);
	KNOW(spec_of(web), DomainSpec, cpus, "0-3");
	cr_assert(simulated_create(&sim, web));
	struct Scheduler share = {.weight = 512};
	share.at[Scheduler_weight] = &mark_observed;
	struct action action = action_of(&sim, verb_domain_set_scheduler, web);
	action.scheduler = &share;
	cr_assert(simulated_run(&sim, action));
	action = action_of(&sim, verb_domain_set_cpus, web);
	action.cpus = "2";
	cr_assert(simulated_run(&sim, action));
	const struct DomainSpec *found = simulated_find(&sim, web->uid)->spec;
	cr_expect_str_eq(found->cpus, "2");
	cr_expect_eq(found->scheduler->weight, 512);
	cr_expect_eq(found->scheduler->cap, 0, "what is not asked for stays");
	action.cpus = "100-200";
	cr_expect_not(simulated_run(&sim, action));
	cr_expect_eq(sim.done.outcome, OUTCOME_TERMINAL);
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	sim_advance(sim.host, 3000);
	found = simulated_find(&sim, web->uid)->spec;
	cr_expect_str_eq(found->cpus, "0-3", "as it was created");
	cr_expect_eq(found->scheduler->weight, 512);
}

Test(sim_verb, renamed_unless_the_name_is_taken)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_add(sim.host, "taken", NULL, 128 * MiB));
	web->xen_name = "taken";
	cr_expect_not(simulated_do(&sim, verb_domain_rename, web));
	cr_expect_str_eq(simulated_find(&sim, web->uid)->name, "web-1");
	web->xen_name = "front";
	cr_expect(simulated_do(&sim, verb_domain_rename, web));
	cr_expect_str_eq(simulated_find(&sim, web->uid)->name, "front");
	cr_expect(simulated_do(&sim, verb_domain_rename, web), "it has that name already");
}

Test(sim_verb, what_is_recorded_is_found_and_makes_it_ours)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "hand-made", 128 * MiB);
	cr_assert(sim_add(sim.host, "hand-made", web->uid, 128 * MiB));
	cr_expect_not(simulated_find(&sim, web->uid)->owned);
	struct action action = action_of(&sim, verb_domain_record, web);
	struct Record *record = record_make(&sim, "hand-made");
	KNOW(record, Record, protect, true);
	action.record = record;
	cr_expect(simulated_run(&sim, action));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_expect(have->owned);
	cr_expect(have->mark->protect);
}

static bool disk_action(struct simulated *sim, enum verb verb, const struct wanted_domain *domain,
	const struct wanted_disk *disk)
{
	struct action action = action_of(sim, verb, domain);
	action.disk = disk->disk;
	action.disk_volume = disk->volume;
	return simulated_run(sim, action);
}

Test(sim_verb, disks_come_and_go)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	struct wanted_disk *raw = wanted_disk_make(&sim, web, "xvdb", disk_format_raw);
	struct wanted_disk *qcow2 = wanted_disk_make(&sim, web, "xvdc", disk_format_qcow2);
	cr_expect(disk_action(&sim, verb_disk_attach, web, raw));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_eq(have->spec->disks.count, 1);
	cr_expect(((struct Disk *)have->spec->disks.item[0])->connected);
	cr_expect(disk_action(&sim, verb_disk_attach, web, raw), "it is there already");
	struct wanted_disk *other = wanted_disk_make(&sim, web, "xvdx", disk_format_raw);
	((struct Disk *)(uintptr_t)other->disk)->vdev = "xvdb";
	cr_expect_not(disk_action(&sim, verb_disk_attach, web, other), "another one is there");
	cr_expect_eq(sim.done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not(disk_action(&sim, verb_disk_attach, web, qcow2));
	cr_expect(strstr(sim.done.message, "no QEMU to serve it"), "%s", sim.done.message);
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->disks.count, 1);
	cr_expect(disk_action(&sim, verb_disk_detach, web, raw));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->disks.count, 0);
	cr_expect(disk_action(&sim, verb_disk_detach, web, raw), "it is gone already");
}

Test(sim_verb, a_guest_with_a_qemu_takes_a_qcow2)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_qcow2);
	cr_assert(simulated_create(&sim, web));
	cr_expect(simulated_find(&sim, web->uid)->deviceModel);
	cr_expect(disk_action(
		&sim, verb_disk_attach, web, wanted_disk_make(&sim, web, "xvdc", disk_format_qcow2)));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->disks.count, 2);
}

Test(sim_verb, a_dead_guest_takes_and_gives_no_disk)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_crash));
	cr_expect_not(disk_action(
		&sim, verb_disk_attach, web, wanted_disk_make(&sim, web, "xvdb", disk_format_raw)));
	cr_expect_not(disk_action(&sim, verb_disk_detach, web, web->disks.item[0]));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->disks.count, 1);
}

static bool nic_action(
	struct simulated *sim, enum verb verb, const struct wanted_domain *domain, const struct Nic *nic)
{
	struct action action = action_of(sim, verb, domain);
	action.nic = nic;
	return simulated_run(sim, action);
}

Test(sim_verb, nics_come_and_go)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_nic_add(&sim, web, "xenbr0", "00:16:3e:00:00:01");
	cr_assert(simulated_create(&sim, web));
	cr_expect_not(
		nic_action(&sim, verb_nic_attach, web, wanted_nic_make(&sim, "br9", "00:16:3e:00:00:02")));
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->nics.count, 1);
	cr_expect(
		nic_action(&sim, verb_nic_attach, web, wanted_nic_make(&sim, "xenbr0", "00:16:3e:00:00:02")));
	cr_expect(
		nic_action(&sim, verb_nic_attach, web, wanted_nic_make(&sim, "xenbr0", "00:16:3e:00:00:02")),
		"it is there already");
	cr_expect(
		nic_action(&sim, verb_nic_attach, web, wanted_nic_make(&sim, "xenbr0", "00:16:3e:00:00:03")));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_eq(have->spec->nics.count, 3);
	cr_expect_eq(((struct Nic *)have->spec->nics.item[2])->device, 2);
	cr_expect(nic_action(&sim, verb_nic_detach, web, have->spec->nics.item[1]), "by its number");
	have = simulated_find(&sim, web->uid);
	cr_assert_eq(have->spec->nics.count, 2);
	cr_expect_eq(((struct Nic *)have->spec->nics.item[1])->device, 2);
	cr_expect(
		nic_action(&sim, verb_nic_detach, web, wanted_nic_make(&sim, "xenbr0", "00:16:3e:00:00:01")),
		"by its address");
	cr_expect_eq(simulated_find(&sim, web->uid)->spec->nics.count, 1);
}

Test(sim_verb, a_reboot_is_a_new_domain_with_the_same_uuid_and_mark)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_disk_add(&sim, web, "xvda", disk_format_raw);
	cr_assert(simulated_create(&sim, web));
	cr_assert(simulated_do(&sim, verb_domain_verify, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	cr_expect_null(simulated_find(&sim, web->uid), "the monitor sleeps between destroy and create");
	sim_advance(sim.host, 2000);
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_assert_not_null(have);
	cr_expect_eq(have->domid, 2);
	cr_expect_eq(have->power, found_power_Running);
	cr_expect(have->owned);
	cr_expect_str_eq(have->mark->name, "web-1");
	cr_expect_not(((struct Disk *)have->spec->disks.item[0])->connected);
	sim_advance(sim.host, 1000);
	cr_expect(((struct Disk *)simulated_find(&sim, web->uid)->spec->disks.item[0])->connected);
}

Test(sim_verb, a_monitor_that_finds_the_name_taken_gives_up)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	cr_assert(sim_add(sim.host, "web-1", NULL, 128 * MiB));
	sim_advance(sim.host, 10000);
	cr_expect_null(simulated_find(&sim, web->uid));
	cr_expect_eq(simulated_count(&sim), 1);
}

Test(sim_verb, how_a_guest_ended_is_seen)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_crash));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_expect_eq(have->power, found_power_Stopped);
	cr_expect_eq(have->ended, ended_crash);
	cr_expect_not(sim_poke(sim.host, "web-1", sim_event_poweroff), "it has ended");
	cr_expect_not(simulated_do(&sim, verb_domain_verify, web));
	cr_expect(strstr(sim.done.message, "Stopped, crash"), "%s", sim.done.message);
	cr_expect(sim_poke(sim.host, "web-1", sim_event_destroy));
	cr_expect_null(simulated_find(&sim, web->uid));
	cr_expect_not(sim_poke(sim.host, "web-1", sim_event_destroy), "it is gone");
}

Test(sim_verb, events_of_the_manifest_rule_the_monitor)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	KNOW(spec_of(web), DomainSpec, events, arena_make(sim.arena, struct Events));
	KNOW(web->spec->events, Events, crash, event_action_restart);
	KNOW(web->spec->events, Events, poweroff, event_action_destroy);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_crash));
	sim_advance(sim.host, 2000);
	cr_assert_eq(simulated_find(&sim, web->uid)->domid, 2);
	cr_assert(sim_poke(sim.host, "web-1", sim_event_poweroff));
	cr_expect_null(simulated_find(&sim, web->uid));
}

Test(sim_verb, what_somebody_made_is_not_ours)
{
	SIMULATED sim = simulated_open(NULL);
	cr_assert(sim_add(sim.host, "hand-made", NULL, 128 * MiB));
	cr_expect_not(sim_add(sim.host, "hand-made", NULL, 128 * MiB), "the name is taken");
	cr_expect_not(sim_add(sim.host, "huge", NULL, 64 * GiB), "memory is short");
	HAVE_SCOPED have = have_new();
	sim.host->driver->observe(sim.host, NULL, have);
	have_sort(have);
	cr_assert_eq(have->found->domains.count, 1);
	cr_expect_not(((struct HaveDomain *)have->found->domains.item[0])->owned);
}

Test(sim_verb, a_mark_of_another_owner_is_not_ours)
{
	SIMULATED sim = simulated_open(
		HEAD "\"domains\":[{\"domid\":1,\"uuid\":\"u1\",\"name\":\"a\",\"owned\":true,\"power\":"
		     "\"Running\",\"mark\":{\"owner\":\"else\"}},{\"domid\":2,\"uuid\":\"u2\",\"name\":\"b\","
		     "\"owned\":true,\"power\":\"Running\",\"mark\":{\"owner\":\"default\"}}]}");
	cr_expect_not(simulated_find(&sim, "u1")->owned);
	cr_expect(simulated_find(&sim, "u2")->owned);
}

Test(sim_verb, a_change_of_what_is_not_there_fails)
{
	SIMULATED sim = simulated_open(NULL);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_expect_not(simulated_number(&sim, verb_domain_set_memory, web, 64 * MiB));
	cr_expect_not(simulated_number(&sim, verb_domain_set_vcpus, web, 1));
	cr_expect_not(simulated_do(&sim, verb_domain_rename, web));
	cr_expect_not(simulated_do(&sim, verb_domain_verify, web));
	cr_expect(strstr(sim.done.message, "no such domain"), "%s", sim.done.message);
}

Test(sim_verb, kernels_count_as_present)
{
	SIMULATED sim = simulated_open(NULL);
	struct want want = {0};
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	web->spec->boot->bootloader = "pygrub";
	list_add(sim.arena, &want.domains, web);
	HAVE_SCOPED have = have_new();
	sim.host->driver->observe(sim.host, &want, have);
	have_sort(have);
	cr_expect(have->paths_known);
	cr_assert_not_null(have_file(have, "/boot/vmlinuz"));
	cr_expect(have_file(have, "/boot/vmlinuz")->present);
	cr_expect_null(have_file(have, "pygrub"), "no path");
}
