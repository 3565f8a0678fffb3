#include "state/record.h"
#include "scratch.h"
#include <errno.h>
#include <utime.h>

TestSuite(record, .init = scratch_enter, .fini = scratch_leave);
TestSuite(deletion, .init = scratch_enter, .fini = scratch_leave);

static const char one[] = "11111111-2222-5333-8444-555555555555",
		  two[] = "21111111-2222-5333-8444-555555555555";

static struct Record *record_make(struct arena *arena, const char *name)
{
	struct Record *record = type_new(arena, &type_Record);
	KNOW(record, Record, owner, "default");
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, name);
	KNOW(record, Record, source, "/etc/xensteer/manifests");
	KNOW(record, Record, protect, true);
	KNOW(record, Record, shutdown, type_new(arena, &type_Shutdown));
	KNOW(record->shutdown, Shutdown, timeout, 90);
	KNOW(record->shutdown, Shutdown, escalate, escalate_destroy);
	struct Nic *nic = type_new(arena, &type_Nic);
	KNOW(nic, Nic, name, "lan");
	KNOW(nic, Nic, mac, "00:16:3e:00:00:10");
	list_add(arena, &record->nics, nic);
	record->at[Record_nics] = &mark_observed;
	struct pair *pair = arena_make(arena, struct pair);
	*pair = (struct pair){"nestedhvm", {.kind = VALUE_INT, .number = 1}, &mark_observed};
	KNOW(record, Record, xl, ((struct map){pair, 1}));
	return record;
}

static void record_expect(const struct Record *record, const char *name)
{
	cr_assert_not_null(record);
	cr_expect_str_eq(record->owner, "default");
	cr_expect_str_eq(record->kind, "Domain");
	cr_expect_str_eq(record->name, name);
	cr_expect_str_eq(record->source, "/etc/xensteer/manifests");
	cr_expect(KNOWN(record, Record, protect) && record->protect);
	cr_assert_not_null(record->shutdown);
	cr_expect_eq(record->shutdown->timeout, 90);
	cr_expect_eq(record->shutdown->escalate, escalate_destroy);
	cr_assert_eq(record->nics.count, 1);
	cr_expect_str_eq(((struct Nic *)record->nics.item[0])->mac, "00:16:3e:00:00:10");
	cr_assert_eq(record->xl.count, 1);
	cr_expect_str_eq(record->xl.item[0].key, "nestedhvm");
	cr_expect_eq(record->xl.item[0].value.number, 1);
}

Test(record, what_is_written_is_listed)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list found = {0};
	struct stat status;
	cr_assert(record_write("state", one, record_make(arena, "web-1")));
	cr_assert(record_write("state", two, record_make(arena, "web-2")));
	cr_assert(record_list(arena, "state", &found, report));
	cr_assert_eq(found.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		struct record_entry *entry = found.item[i];
		record_expect(entry->record, strcmp(entry->uuid, one) == 0 ? "web-1" : "web-2");
	}
	cr_expect_eq(report_count(report, SEVERITY_WARNING), 0);
	cr_assert_eq(stat("state/domains", &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0700);
	char *path = arena_format(arena, "state/domains/%s.json", one);
	cr_assert_eq(stat(path, &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600);
}

Test(record, text_and_back)
{
	ARENA_SCOPED arena = arena_new();
	const char *text = record_text(arena, record_make(arena, "web-1"));
	cr_expect_null(strchr(text, '\n'));
	record_expect(record_parse(arena, text), "web-1");
}

Test(record, what_a_newer_writer_adds_is_let_pass)
{
	ARENA_SCOPED arena = arena_new();
	struct Record *record = record_parse(arena,
		"{\"owner\":\"o\",\"kind\":\"Domain\",\"name\":\"n\",\"colour\":{\"of\":[\"future\"]}}");
	cr_assert_not_null(record);
	cr_expect_str_eq(record->name, "n");
	cr_expect_not(KNOWN(record, Record, protect));
}

Test(record, half_a_record_is_none)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"\"Domain\"",
		"{}",
		"{\"owner\":\"o\",\"kind\":\"Domain\"}",
		"{\"owner\":\"o\",\"kind\":\"Domain\",\"name\":\"n\",\"protect\":\"yes\"}",
		"{\"owner\":\"o\",\"kind\":\"Domain\",\"name\":[\"n\"]}",
		"{\"owner\":\"o\",\"kind\":\"Domain\",\"name\":\"n\"} {}",
	};
	ARENA_SCOPED arena = arena_new();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		cr_expect_null(record_parse(arena, texts[i]), "%s", texts[i]);
}

Test(record, a_damaged_one_is_passed_over_with_a_warning)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list found = {0};
	const struct diagnostic *first;
	cr_assert(record_write("state", one, record_make(arena, "web-1")));
	scratch_write(arena_format(arena, "state/domains/%s.json", two), "{\"owner\": \"defau");
	cr_assert(record_list(arena, "state", &found, report));
	cr_assert_eq(found.count, 1);
	cr_expect_str_eq(((struct record_entry *)found.item[0])->uuid, one);
	cr_assert_eq(report_all(report, &first), 1);
	cr_expect_eq(first->severity, SEVERITY_WARNING);
	cr_expect_not_null(strstr(first->message, two));
}

Test(record, leftovers_and_strangers_are_no_records)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list found = {0};
	cr_assert(file_folders("state/domains", 0700));
	scratch_write(arena_format(arena, "state/domains/.%s.json.tmp", one), "{\"owner\"");
	scratch_write("state/domains/README", "hello");
	scratch_write("state/domains/not-a-uuid.json", "{}");
	cr_assert(record_list(arena, "state", &found, report));
	cr_expect_eq(found.count, 0);
	cr_expect_eq(report_count(report, SEVERITY_WARNING), 0);
}

Test(record, no_folder_has_no_records_and_an_unreadable_one_is_unknown)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list found = {0};
	cr_expect(record_list(arena, "state", &found, report));
	cr_expect_eq(found.count, 0);
	cr_assert_eq(mkdir("state", 0700), 0);
	scratch_write("state/domains", "a file in its place");
	cr_expect_not(record_list(arena, "state", &found, report));
}

Test(record, removal_is_idempotent)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list found = {0};
	cr_assert(record_write("state", one, record_make(arena, "web-1")));
	cr_expect(record_remove("state", one));
	cr_expect(record_remove("state", one));
	cr_expect(record_remove("elsewhere", one));
	cr_assert(record_list(arena, "state", &found, report));
	cr_expect_eq(found.count, 0);
}

Test(record, a_name_that_is_no_uuid_never_becomes_a_path)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert_eq(mkdir("state", 0700), 0);
	scratch_write("state/victim.json", "precious");
	cr_expect_not(record_remove("state", "../victim"));
	cr_expect_eq(errno, EINVAL);
	cr_expect_not(record_write("state", "../victim", record_make(arena, "web-1")));
	cr_expect(scratch_has("state/victim.json"));
}

enum { NOW = 1700000000, HOUR = 3600 };

static int deletions_at(int64_t now)
{
	ARENA_SCOPED arena = arena_new();
	struct texts uids;
	return deletion_count("state", now, arena, &uids);
}

Test(deletion, counted_for_a_rolling_hour)
{
	cr_expect_eq(deletions_at(NOW), 0);
	cr_assert(deletion_add("state", "uid-1", NOW));
	cr_assert(deletion_add("state", "uid-2", NOW + 1800));
	cr_expect_eq(deletions_at(NOW + 1800), 2);
	cr_expect_eq(deletions_at(NOW + HOUR - 1), 2);
	cr_expect_eq(deletions_at(NOW + HOUR), 1);
	cr_expect_eq(deletions_at(NOW + 1800 + HOUR), 0);
}

Test(deletion, what_is_older_is_forgotten_when_one_is_added)
{
	ARENA_SCOPED arena = arena_new();
	size_t size;
	for (int i = 0; i < 5; i++)
		cr_assert(deletion_add("state", "uid-3", NOW));
	cr_assert(deletion_add("state", "uid-4", NOW + 2 * HOUR));
	const char *text = file_read(arena, "state/deletions.json", 1000, &size);
	cr_expect(strstr(text, "1700007200"), "%s", text);
	cr_expect_not(strstr(text, "1700000000"), "%s", text);
}

Test(deletion, a_clock_that_was_far_ahead_does_not_hold_back_for_ever)
{
	cr_assert(deletion_add("state", "uid-5", NOW + 60));
	cr_assert(deletion_add("state", "uid-6", NOW + 1000 * HOUR));
	cr_expect_eq(deletions_at(NOW + 1000 * HOUR), 1);
	cr_expect_eq(deletions_at(NOW), 0);
	cr_assert(deletion_add("state", "uid-7", NOW + 60));
	cr_expect_eq(deletions_at(NOW), 1, "a little ahead still counts");
}

Test(deletion, a_damaged_journal_counts_as_many_until_it_is_an_hour_old)
{
	static const char *const texts[] = {"", "[{\"uid\": \"a\"", "{}", "[\"a\"]", "[{\"uid\": \"a\"}]",
		"[{\"time\": 1}]", "[null]", "[{\"uid\": \"\xff\", \"time\": 1}]"};
	cr_assert_eq(mkdir("state", 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		scratch_write("state/deletions.json", texts[i]);
		struct utimbuf fresh = {NOW - HOUR + 1, NOW - HOUR + 1};
		cr_assert_eq(utime("state/deletions.json", &fresh), 0);
		cr_expect_eq(deletions_at(NOW), DELETIONS_UNKNOWN, "%s", texts[i]);
		cr_expect_not(deletion_add("state", "uid-8", NOW));
		cr_expect_eq(errno, EBADMSG);
		cr_expect_eq(deletions_at(NOW + 1), 0, "%s", texts[i]);
		cr_expect(deletion_add("state", "uid-9", NOW + 1));
		cr_expect_eq(deletions_at(NOW + 1), 1);
	}
}

Test(deletion, an_unreadable_journal_counts_as_many)
{
	cr_assert(file_folders("state/deletions.json", 0700));
	cr_expect_eq(deletions_at(NOW), DELETIONS_UNKNOWN);
	cr_expect_not(deletion_add("state", "uid-10", NOW));
}

Test(deletion, one_that_is_tried_again_is_still_one)
{
	ARENA_SCOPED arena = arena_new();
	struct texts uids;
	cr_assert(deletion_add("state", "a", NOW));
	cr_assert(deletion_add("state", "b", NOW));
	cr_assert(deletion_add("state", "a", NOW + 1));
	cr_expect_eq(deletion_count("state", NOW + 1, arena, &uids), 2);
	cr_assert_eq(uids.count, 2);
	cr_expect_str_eq(uids.item[0], "a");
	cr_assert(deletion_end("state", "a", NOW + 1));
	cr_expect_eq(deletion_count("state", NOW + 1, arena, &uids), 2, "it stays counted");
	cr_assert_eq(uids.count, 1);
	cr_expect_str_eq(uids.item[0], "b");
	cr_assert(deletion_add("state", "a", NOW + 2));
	cr_expect_eq(deletion_count("state", NOW + 2, arena, &uids), 3, "made anew and removed again");
}
