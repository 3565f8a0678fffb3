#include "scratch.h"
#include "simulated.h"
#include <signal.h>
#include <sys/wait.h>

TestSuite(sim_file, .init = scratch_enter, .fini = scratch_leave);

static const char *file_text(struct simulated *sim, const char *path)
{
	size_t size;
	const char *text = file_read(sim->arena, path, 1 << 24, &size);
	return text ? text : "";
}

Test(sim_file, made_with_defaults_only_where_it_may_be_written)
{
	SIMULATED looking = simulated_open_folder("host", false);
	cr_assert_not_null(looking.host);
	cr_expect_eq(simulated_free_memory(&looking), 15 * GiB);
	cr_expect_eq(access("host", F_OK), -1);

	SIMULATED acting = simulated_open_folder("host", true);
	cr_assert_not_null(acting.host);
	cr_expect_eq(access("host/host.json", F_OK), 0);
	const char *text = file_text(&acting, "host/host.json");
	cr_expect(strstr(text, "\"memory\": \"16GiB\""), "%s", text);
	cr_expect(strstr(text, "\"cpus\": 8"));
	cr_expect(strstr(text, "xenbr0"));
	cr_expect_null(acting.host->driver->storage(acting.host), "real layers, unless it says otherwise");
}

Test(sim_file, every_change_is_there_at_once_and_after_reopening)
{
	struct simulated sim = simulated_open_folder("host", true);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	wanted_nic_add(&sim, web, "xenbr0", "00:16:3e:00:00:01");
	cr_assert(simulated_create(&sim, web));
	{
		/* somebody looks meanwhile: nothing was closed */
		SIMULATED looking = simulated_open_folder("host", false);
		struct HaveDomain *have = simulated_find(&looking, web->uid);
		cr_assert_not_null(have);
		cr_expect_eq(have->power, found_power_Running);
		cr_expect_str_eq(have->mark->name, "web-1");
		cr_expect_not(((struct Nic *)have->spec->nics.item[0])->connected);
		sim_advance(looking.host, 1000);
		cr_expect(((struct Nic *)simulated_find(&looking, web->uid)->spec->nics.item[0])->connected,
			"what was about to happen still does");
	}
	char uid[UID_SIZE];
	strcpy(uid, web->uid);
	simulated_close(&sim);

	SIMULATED again = simulated_open_folder("host", true);
	cr_expect_eq(simulated_find(&again, uid)->domid, 1);
	struct wanted_domain *next = wanted_make(&again, "web-2", 128 * MiB);
	cr_assert(simulated_create(&again, next));
	cr_expect_eq(simulated_find(&again, next->uid)->domid, 2, "numbers go on");
}

Test(sim_file, a_reboot_goes_on_after_reopening)
{
	struct simulated sim = simulated_open_folder("host", true);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	char uid[UID_SIZE];
	strcpy(uid, web->uid);
	cr_assert(simulated_create(&sim, web));
	cr_assert(sim_poke(sim.host, "web-1", sim_event_reboot));
	simulated_close(&sim);
	SIMULATED again = simulated_open_folder("host", false);
	cr_expect_null(simulated_find(&again, uid));
	sim_advance(again.host, 2000);
	cr_assert_not_null(simulated_find(&again, uid));
	cr_expect_eq(simulated_find(&again, uid)->domid, 2);
}

static const char rich[] =
	"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"remark\": {\"by\": [\"me\", 1.5, "
	"true, null]},\n"
	" \"host\": {\"name\": \"lab\", \"memory\": \"8GiB\", \"free\": \"1MiB\", \"rack\": 7, \"bridges\": "
	"[\"br1\", \"br2\"]},\n"
	" \"domains\": [{\"domid\": 4, \"uuid\": \"u4\", \"name\": \"old\", \"owned\": false, \"power\": "
	"\"Running\", \"colour\": \"blue\",\n"
	"   \"spec\": {\"type\": \"pv\", \"memory\": \"1GiB\", \"vcpus\": 1, \"turbo\": true,\n"
	"     \"disks\": [{\"vdev\": \"xvda\", \"target\": \"/dev/x\", \"cache\": \"none\"}], \"nics\": "
	"[{\"mac\": \"00:16:3e:00:00:09\", \"speed\": 10}]}}],\n"
	" \"images\": [{\"name\": \"debian\", \"path\": \"/i\", \"from\": \"mirror\"}],\n"
	" \"sim\": {\"dom0Memory\": \"2GiB\", \"note\": \"mine\", \"faults\": [{\"verb\": \"domain.rename\", "
	"\"why\": \"just so\"}]}}\n";

Test(sim_file, keys_that_are_not_known_are_kept)
{
	mkdir("host", 0755);
	scratch_write("host/host.json", rich);
	struct simulated sim = simulated_open_folder("host", true);
	cr_assert_not_null(sim.host);
	cr_expect_eq(report_count(sim.report, SEVERITY_ERROR), 0);
	cr_expect_eq(report_count(sim.report, SEVERITY_WARNING), 1, "a word about the note below sim");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	simulated_close(&sim);

	SIMULATED again = simulated_open_folder("host", false);
	const char *text = file_text(&again, "host/host.json");
	static const char *const kept[] = {"\"remark\"", "1.5", "null", "\"rack\": 7", "\"colour\": \"blue\"",
		"\"turbo\": true", "\"cache\": \"none\"", "\"speed\": 10", "\"from\": \"mirror\"",
		"\"note\": \"mine\"", "\"why\": \"just so\"", "\"br2\"", "\"name\": \"web-1\""};
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		cr_expect(strstr(text, kept[i]), "%s in\n%s", kept[i], text);
	cr_expect(strstr(text, "\"domid\": 5"), "numbers go on behind those that are there");
}

Test(sim_file, free_is_counted_anew)
{
	mkdir("host", 0755);
	scratch_write("host/host.json", rich);
	SIMULATED sim = simulated_open_folder("host", false);
	int64_t expected = 8 * GiB - 2 * GiB - 1 * GiB;
	cr_expect_leq(simulated_free_memory(&sim), expected);
	cr_expect_gt(simulated_free_memory(&sim), expected - 16 * MiB);
}

Test(sim_file, what_is_written_is_read_and_written_the_same)
{
	SIMULATED sim = simulated_open(rich);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	KNOW(spec_of(web), DomainSpec, scheduler, arena_make(sim.arena, struct Scheduler));
	KNOW(spec_of(web)->scheduler, Scheduler, weight, 512);
	wanted_disk_add(&sim, web, "xvda", disk_format_qcow2);
	wanted_nic_add(&sim, web, "br1", "00:16:3e:00:00:01");
	cr_assert(simulated_create(&sim, web));
	struct wanted_domain *two = wanted_make(&sim, "web-2", 128 * MiB);
	cr_assert(simulated_create(&sim, two));
	cr_assert(sim_poke(sim.host, "web-2", sim_event_reboot));
	const char *first = simulated_text(&sim);
	SIMULATED again = simulated_open(first);
	cr_expect_str_eq(simulated_text(&again), first);
}

Test(sim_file, nothing_to_do_writes_nothing)
{
	struct simulated sim = simulated_open_folder("host", true);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	sim_advance(sim.host, 10000);
	simulated_close(&sim);
	SIMULATED before = simulated_open_folder("host", true);
	const char *text = file_text(&before, "host/host.json");
	for (int i = 0; i < 5; i++)
		cr_expect_eq(simulated_count(&before), 1);
	before.host->driver->close(before.host);
	before.host = NULL;
	cr_expect_str_eq(file_text(&before, "host/host.json"), text);
}

Test(sim_file, looking_changes_no_file)
{
	mkdir("host", 0755);
	scratch_write("host/host.json",
		"{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\",\"sim\":{\"unobservable\":1}}");
	SIMULATED sim = simulated_open_folder("host", false);
	HAVE_SCOPED have = have_new();
	sim.host->driver->observe(sim.host, NULL, have);
	cr_expect_not(have->known);
	sim.host->driver->close(sim.host);
	sim.host = NULL;
	cr_expect(strstr(file_text(&sim, "host/host.json"), "\"unobservable\":1"));
}

Test(sim_file, events_happen_in_their_time)
{
	SIMULATED sim = simulated_open(
		"{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\",\"sim\":{\"events\":["
		"{\"time\":50000,\"name\":\"web-1\",\"what\":\"destroy\"},{\"time\":20000,\"name\":\"web-1\","
		"\"what\":\"poweroff\"},{\"time\":1,\"name\":\"nobody\",\"what\":\"crash\"}]}}");
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert(simulated_create(&sim, web));
	cr_expect_eq(simulated_find(&sim, web->uid)->power, found_power_Running);
	sim_advance(sim.host, 20000);
	cr_expect_eq(simulated_find(&sim, web->uid)->ended, ended_poweroff);
	sim_advance(sim.host, 30000);
	cr_expect_null(simulated_find(&sim, web->uid));
	cr_expect_null(strstr(simulated_text(&sim), "events"), "each happens once");
}

static void refused(const char *text, const char *expected)
{
	mkdir("host", 0755);
	scratch_write("host/host.json", text);
	for (int writes = 0; writes < 2; writes++) {
		SIMULATED sim = simulated_open_folder("host", writes);
		cr_expect_null(sim.host);
		char *out = NULL;
		size_t size;
		FILE *file = open_memstream(&out, &size);
		report_text(sim.report, file, false);
		fclose(file);
		cr_expect(strstr(out, expected), "expected '%s' in:\n%s", expected, out);
		free(out);
		cr_expect_str_eq(file_text(&sim, "host/host.json"), text, "a broken file is left as it is");
	}
}

Test(sim_file, a_broken_file_is_refused_with_its_place)
{
	refused("", "host/host.json:1:1: error: the text ends where an Observation");
	refused("{\"apiVersion\": \"xensteer/v1\",\n \"kind\": \"Observation\",\n \"domains\": [{\"uuid\": "
		"\"a\" \"name\": 3}]}",
		"host/host.json:3:");
	refused("{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"host\": {\"memory\": "
		"\"lots\"}}",
		"host.memory");
	refused("{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"sim\": {\"faults\": "
		"[{\"when\": \"sometimes\"}]}}",
		"before, after, half, hang");
	refused("{\"kind\": \"Domain\"}", "no Observation of xensteer/v1");
}

Test(sim_file, a_file_that_cannot_be_written_is_said)
{
	if (geteuid() == 0 && access("/proc/self/attr", F_OK) != 0)
		cr_skip_test("root may write anywhere here");
	struct simulated sim = simulated_open_folder("/proc/nowhere", true);
	cr_expect_null(sim.host);
	cr_expect_eq(report_count(sim.report, SEVERITY_ERROR), 1);
	simulated_close(&sim);
}

Test(sim_file, a_disk_that_fails_fails_the_action_and_hides_the_host)
{
	struct simulated sim = simulated_open_folder("host", true);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	cr_assert_eq(rename("host", "elsewhere"), 0);
	cr_expect_not(simulated_create(&sim, web));
	cr_expect(strstr(sim.done.message, "cannot write host/host.json"), "%s", sim.done.message);
	HAVE_SCOPED have = have_new();
	sim.host->driver->observe(sim.host, NULL, have);
	cr_expect_not(have->known);
	simulated_close(&sim);
}

/* Creates, verifies and destroys a domain in a process of its own; its exit status. */
static int child_works(void)
{
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		SIMULATED sim = simulated_open_folder("host", true);
		struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
		bool good = simulated_create(&sim, web) && simulated_do(&sim, verb_domain_verify, web) &&
			    simulated_do(&sim, verb_domain_destroy, web);
		_exit(good ? 0 : 1);
	}
	int status = -1;
	waitpid(child, &status, 0);
	return status;
}

Test(sim_file, killed_after_each_change_the_file_is_whole)
{
	static const char *const left[] = {
		"\"halfBuilt\": true", "\"power\": \"Running\"", "\"power\": \"Dying\"", "\"domains\": []"};
	for (int changes = 1; changes <= 5; changes++) {
		char text[200];
		snprintf(text, sizeof(text),
			"{\"apiVersion\":\"xensteer/"
			"v1\",\"kind\":\"Observation\",\"sim\":{\"killAfter\":%d}}",
			changes);
		mkdir("host", 0755);
		scratch_write("host/host.json", text);
		int status = child_works();
		SIMULATED sim = simulated_open_folder("host", false);
		cr_assert_not_null(sim.host, "after %d", changes);
		const char *file = file_text(&sim, "host/host.json");
		if (changes == 5) {
			cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "there are only four");
			continue;
		}
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "after %d", changes);
		cr_expect(strstr(file, left[changes - 1]), "after %d: %s", changes, file);
		cr_expect_null(strstr(file, "killAfter"), "once only");
	}
}

/* Real storage runs programs while the simulated clock stands: whoever started one hears of its end first. */
Test(sim_file, real_children_are_waited_for_before_time_passes)
{
	struct runner *runner = runner_new();
	struct host_options options = {
		.target = "host", .owner = "default", .writes = true, .runner = runner};
	SIMULATED sim = {.arena = arena_new(), .report = report_new()};
	sim.links.arena = sim.arena;
	sim.host = host_sim.open(&options, sim.report);
	cr_assert_not_null(sim.host);
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	struct action create = action_of(&sim, verb_domain_create, web);
	create.id = 1;
	sim.done.arena = sim.arena;
	struct child *child = runner_start(runner, (const char *const[]){"true", NULL}, NULL, 600000);
	sim.host->driver->begin(sim.host, &create, &sim.links);
	int64_t begun = sim.host->driver->now(sim.host);
	bool reaped = sim.host->driver->reap(sim.host, INT64_MAX, &sim.done);
	if (!reaped) {
		cr_expect(child_ended(child));
		cr_expect_eq(sim.host->driver->now(sim.host), begun, "no time has passed here");
	}
	child_drop(child);
	cr_expect(reaped || sim.host->driver->reap(sim.host, INT64_MAX, &sim.done));
	cr_expect_eq(sim.done.outcome, OUTCOME_DONE);
	sim.host->driver->close(sim.host);
	sim.host = NULL;
	runner_free(runner);
}

Test(sim_file, what_cannot_be_kept_as_it_is_does_no_harm)
{
	BUFFER_SCOPED text = {0};
	buffer_text(
		&text, "{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\",\"huge\":1e999,\"deep\":");
	for (int i = 0; i < 500; i++)
		buffer_char(&text, '[');
	for (int i = 0; i < 500; i++)
		buffer_char(&text, ']');
	buffer_text(&text, ",\"after\":true}");
	SIMULATED sim = simulated_open(buffer_string(&text));
	const char *first = simulated_text(&sim);
	cr_expect(strstr(first, "\"after\": true"));
	SIMULATED again = simulated_open(first);
	cr_expect_str_eq(simulated_text(&again), first);
}
