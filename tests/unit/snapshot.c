#include "host/host.h"
#include "model/observation.h"
#include "scratch.h"
#include "storage/storage.h"

TestSuite(snapshot, .init = scratch_enter, .fini = scratch_leave);

#define HEAD "{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\","

static struct host *open_text(const char *text, struct report *report)
{
	scratch_write("s.json", text);
	struct host_options options = {.target = "s.json", .owner = "default"};
	return host_snapshot.open(&options, report);
}

static void expect_refused(const char *text, const char *expected)
{
	REPORT_SCOPED report = report_new();
	cr_expect_null(open_text(text, report), "%s", text);
	cr_expect_gt(report_count(report, SEVERITY_ERROR), 0);
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);
	report_text(report, file, false);
	fclose(file);
	cr_expect(strstr(out, expected), "expected '%s' in:\n%s", expected, out);
	free(out);
}

static const char full[] =
	HEAD "\"host\":{\"name\":\"dom0\",\"driver\":\"xen\",\"cpus\":4,\"memory\":\"8GiB\",\"cannot\":["
	     "\"disk.attach\"]},\n"
	     "\"domains\":[\n"
	     "{\"domid\":9,\"uuid\":\"bbbb\",\"name\":\"b\",\"owned\":false,\"power\":\"Running\"},\n"
	     "{\"domid\":3,\"uuid\":\"aaaa\",\"name\":\"a\",\"owned\":true,\"power\":\"Stopped\",\"ended\":"
	     "\"crash\",\"later\":{\"x\":1},\n"
	     " \"spec\":{\"type\":\"hvm\",\"memory\":\"1GiB\",\"disks\":[{\"vdev\":\"xvda\",\"id\":\"1:2:3\"}"
	     "]}}],\n"
	     "\"volumes\":[{\"name\":\"v\",\"uid\":\"v1\",\"state\":\"complete\",\"chain\":[{\"layer\":"
	     "\"file\",\"path\":\"/p\",\"id\":\"1:2:3\"}]}],\n"
	     "\"images\":[{\"name\":\"i\",\"present\":true}],\"files\":[{\"path\":\"/boot/"
	     "k\",\"present\":true}],\"new\":[1,{\"y\":null}]}\n";

Test(snapshot, everything_is_found_again)
{
	REPORT_SCOPED report = report_new();
	struct host *host = open_text(full, report);
	cr_assert_not_null(host);
	cr_expect_eq(report_count(report, SEVERITY_ERROR) + report_count(report, SEVERITY_WARNING), 0);
	struct storage *storage = host->driver->storage(host);
	HAVE_SCOPED have = have_new();
	host->driver->observe(host, NULL, have);
	storage->driver->observe(storage, NULL, have);
	have_sort(have);
	cr_expect(have->known);
	cr_expect(have->storage_known);
	cr_expect_not(have->paths_known);
	cr_expect_str_eq(have->found->host->driver, "xen");
	cr_expect_not(have_can(have, verb_disk_attach));
	cr_assert_eq(have->found->domains.count, 2);
	cr_expect_eq(((struct HaveDomain *)have->found->domains.item[0])->domid, 3, "by domid");
	const struct HaveDomain *domain = have_domain(have, "aaaa");
	cr_expect_eq(domain->ended, ended_crash);
	cr_expect_eq(domain->spec->memory, 1LL << 30);
	cr_expect_not(KNOWN(domain->spec, DomainSpec, vcpus), "what is not there is not known");
	cr_expect_str_eq(((struct Disk *)domain->spec->disks.item[0])->id, "1:2:3");
	cr_expect_not(KNOWN(have_domain(have, "bbbb"), HaveDomain, spec));
	struct link link;
	cr_expect(have_volume_link(have_volume(have, "v1"), &link));
	cr_expect_str_eq(link.path, "/p");
	cr_expect(have_image(have, "i")->present);
	cr_expect(have_file(have, "/boot/k")->present);
	storage->driver->close(storage);
	host->driver->close(host);
}

Test(snapshot, the_same_at_every_look)
{
	REPORT_SCOPED report = report_new();
	struct host *host = open_text(full, report);
	BUFFER_SCOPED one = {0};
	BUFFER_SCOPED two = {0};
	for (int i = 0; i < 2; i++) {
		HAVE_SCOPED have = have_new();
		host->driver->observe(host, NULL, have);
		struct json json = json_to_buffer(i ? &two : &one, true);
		object_json(&json, NULL, &type_Observation, have->found);
	}
	cr_expect_str_eq(buffer_string(&one), buffer_string(&two));
	host->driver->close(host);
}

Test(snapshot, refuses_to_be_written)
{
	scratch_write("s.json", full);
	REPORT_SCOPED report = report_new();
	struct host_options options = {.target = "s.json", .writes = true};
	cr_expect_null(host_snapshot.open(&options, report));
	const struct diagnostic *first;
	cr_assert_eq(report_all(report, &first), 1);
	cr_expect(strstr(first->message, "cannot be changed"));
}

Test(snapshot, an_action_all_the_same_is_refused_once)
{
	REPORT_SCOPED report = report_new();
	ARENA_SCOPED arena = arena_new();
	struct host *host = open_text(full, report);
	struct storage *storage = host->driver->storage(host);
	struct action action = {.id = 5, .verb = verb_domain_destroy, .uid = "aaaa"};
	host->driver->begin(host, &action, NULL);
	struct finished done = {.arena = arena};
	cr_expect_eq(storage->driver->busy(storage), 0, "it is the host's");
	cr_expect(host->driver->reap(host, 0, &done));
	cr_expect_eq(done.id, 5);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not(host->driver->reap(host, 0, &done));
	action = (struct action){.id = 6, .verb = verb_volume_remove, .uid = "v1"};
	storage->driver->begin(storage, &action, NULL);
	cr_expect_eq(storage->driver->busy(storage), 1);
	cr_expect(storage->driver->reap(storage, &done));
	cr_expect_eq(done.id, 6);
	cr_expect_eq(storage->driver->busy(storage), 0);
	host->driver->close(host);
}

Test(snapshot, broken_text_is_refused_at_its_place)
{
	expect_refused("", "s.json:1:1: error: the text ends where an Observation");
	expect_refused("[1]", "s.json:1:1: error: expected an Observation");
	expect_refused("{\"apiVersion\":", "the text ends where JSON was expected");
	expect_refused("{\"apiVersion\" 1}", "s.json:1:15: error: expected ':'");
	expect_refused(HEAD "\n\"domains\":[\n{\"uuid\":\"a\"}\n{\"uuid\":\"b\"}]}",
		"s.json:4:1: error: expected ',' or ']'");
	expect_refused(
		HEAD "\n\"domains\":[{\"uuid\":\"a\"},\n  {\"uuid\":\"b\" \"name\":\"c\"}]}", "s.json:3:");
	expect_refused(HEAD "\n\"domains\":[{\"uuid\":\"a\"},\n  {\"uuid\":\"b\"",
		"was the file written to its end?");
	expect_refused(HEAD "\"domains\":{}}", "expected a list");
	expect_refused(HEAD "\"domains\":[3]}", "s.json:1:61: error: expected an object");
	expect_refused(HEAD "\"domains\":[]} x", "something follows");
	expect_refused(HEAD "\"domains\":[],\"domains\":[]}", "'domains' stands here twice");
	expect_refused(
		"{\"apiVersion\":\"xensteer/v9\",\"kind\":\"Observation\"}", "no Observation of xensteer/v1");
	expect_refused(
		"{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Domain\"}", "no Observation of xensteer/v1");
	expect_refused(HEAD "\"domains\":[{\"name\":\"a\"}]}", "domains[0] has no 'uuid'");
	expect_refused(HEAD "\"images\":[{\"path\":\"a\"}]}", "images[0] has no 'name'");
	expect_refused(HEAD "\"domains\":[{\"uuid\":\"a\",\"spec\":{\"disks\":[{\"target\":\"x\"}]}}]}",
		"disks[].vdev");
}

Test(snapshot, absent_file_is_said)
{
	REPORT_SCOPED report = report_new();
	struct host_options options = {.target = "nowhere.json"};
	cr_expect_null(host_snapshot.open(&options, report));
	const struct diagnostic *first;
	cr_assert_eq(report_all(report, &first), 1);
	cr_expect(strstr(first->message, "nowhere.json"));
	cr_expect(strstr(first->message, "No such file"));
}

Test(snapshot, a_value_that_is_wrong_is_not_known_and_said)
{
	REPORT_SCOPED report = report_new();
	struct host *host = open_text(HEAD "\n\"domains\":[{\"uuid\":\"a\",\"power\":\"Hibernated\","
					   "\n\"spec\":{\"memory\":\"lots\",\"vcpus\":2}}]}",
		report);
	cr_assert_not_null(host);
	cr_expect_eq(report_count(report, SEVERITY_WARNING), 2);
	const struct diagnostic *first;
	report_all(report, &first);
	cr_expect_eq(first->mark.line, 2);
	cr_expect_eq(first->mark.column, 12);
	cr_expect_str_eq(first->object, "domains[0]");
	HAVE_SCOPED have = have_new();
	host->driver->observe(host, NULL, have);
	have_sort(have);
	const struct HaveDomain *domain = have_domain(have, "a");
	cr_expect_not(KNOWN(domain, HaveDomain, power));
	cr_expect_not(KNOWN(domain->spec, DomainSpec, memory));
	cr_expect_eq(domain->spec->vcpus, 2);
	host->driver->close(host);
}

Test(snapshot, without_its_lists_it_knows_nothing)
{
	REPORT_SCOPED report = report_new();
	struct host *host = open_text(HEAD "\"domains\":null}", report);
	cr_assert_not_null(host);
	struct storage *storage = host->driver->storage(host);
	HAVE_SCOPED have = have_new();
	host->driver->observe(host, NULL, have);
	storage->driver->observe(storage, NULL, have);
	cr_expect_not(have->known);
	cr_expect_not_null(have->why_unknown);
	cr_expect_not(have->storage_known);
	host->driver->close(host);
}

Test(snapshot, ten_thousand_domains_cost_what_they_hold)
{
	enum { DOMAINS = 10000 };
	BUFFER_SCOPED text = {0};
	buffer_text(&text, HEAD "\"domains\":[");
	for (int i = 0; i < DOMAINS; i++)
		buffer_format(&text,
			"%s{\"domid\":%d,\"uuid\":\"aaaaaaaa-0000-5000-8000-%012d\",\"name\":\"web-%d\","
			"\"owned\":true,\"power\":\"Running\","
			"\"mark\":{\"owner\":\"default\",\"kind\":\"Domain\",\"name\":\"web-%d\",\"source\":"
			"\"/etc/xensteer/manifests\",\"protect\":false},"
			"\"spec\":{\"type\":\"pv\",\"memory\":\"512MiB\",\"maxMemory\":\"512MiB\",\"vcpus\":"
			"1,\"maxVcpus\":1,\"boot\":{\"kernel\":\"/boot/vmlinuz\",\"cmdline\":\"ro\"},"
			"\"disks\":[{\"vdev\":\"xvda\",\"target\":\"/var/lib/xensteer/v/"
			"%d\",\"id\":\"254:0:%d\",\"format\":\"qcow2\",\"access\":\"rw\",\"connected\":true}]"
			","
			"\"nics\":[{\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"xenbr0\",\"connected\":true}]}"
			"}\n",
			i ? "," : "", i + 1, i, i, i, i, i);
	buffer_text(&text, "]}");
	REPORT_SCOPED report = report_new();
	ARENA_SCOPED arena = arena_new();
	struct text_file file = {.name = "s.json", .text = text.text, .size = text.size};
	struct observation_options options = {0};
	struct Observation *found = observation_read(arena, &file, &options, report);
	cr_assert_not_null(found);
	cr_expect_eq(found->domains.count, DOMAINS);
	size_t each = arena_size(arena) / DOMAINS;
	cr_expect_lt(each, 2048, "%zu bytes each", each);
}
