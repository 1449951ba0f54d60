//! What every engine has to do, written once over the [`Store`] trait. An engine joins with one
//! line: `store_suite!(name, a function that gives a new database, where there is one)`.

mod following;
mod hostile;
mod indexed;
mod lists;
mod messages;
mod names;
mod paging;
mod payloads;
mod postgres;
mod processes;
mod pruning;
mod reindexing;
mod runs;
pub(crate) mod scene;
mod sqlite;
mod streams;
mod units;
mod writes;

macro_rules! store_suite {
    ($engine:ident, $database:expr) => {
        mod $engine {
            store_suite! { @cases $database;
                streams:
                    every_stream_gives_its_events_in_both_orders_within_bounds,
                    counts_are_kept_for_every_stream,
                    several_streams_of_one_kind_are_merged_and_counted_together,
                    a_stream_of_something_unknown_is_empty,
                    a_time_leads_to_the_first_event_at_or_after_it;
                hostile:
                    a_text_with_nul_is_found_nowhere_and_breaks_nothing,
                    a_batch_that_is_copied_keeps_every_text_as_it_is;
                names:
                    names_come_in_character_order_by_value_and_by_prefix,
                    the_newest_names_come_first;
                units:
                    units_are_found_by_key_row_name_and_version,
                    the_newest_event_of_each_receiver_is_kept_for_each_unit,
                    units_of_a_receiver_come_by_their_newest_event,
                    five_fields_of_255_characters_outside_ascii_come_back;
                lists:
                    receivers_and_groups_come_back_as_they_were_written,
                    definitions_are_found_by_every_filter,
                    receivers_are_found_by_the_beginning_of_their_texts,
                    records_are_found_by_the_beginning_of_every_text_that_names_them,
                    groups_of_receivers_come_by_id_and_bounded,
                    audit_rows_come_newest_first,
                    counters_count_everything;
                messages:
                    every_kind_of_message_comes_back_with_its_records,
                    a_message_keeps_the_group_as_it_was_then,
                    messages_are_read_on_from_any_position,
                    messages_of_the_log_alone_say_so,
                    a_page_of_messages_is_bounded_by_its_bytes;
                payloads:
                    payloads_come_back_byte_for_byte_whatever_their_size,
                    a_payload_of_32_mib_comes_back,
                    payloads_come_in_the_order_in_which_they_are_asked_for;
                writes:
                    a_preview_tells_what_a_write_would_do_and_writes_nothing,
                    a_batch_of_500_commands_is_written_in_order,
                    a_refused_command_does_not_touch_its_neighbours,
                    idempotency_keys_outlive_the_process,
                    a_key_that_found_what_existed_already_is_kept_too,
                    running_numbers_go_on_after_a_restart,
                    time_never_goes_back_across_processes;
                pruning:
                    old_rows_are_deleted_step_by_step_and_positions_go_on,
                    messages_that_are_to_be_published_are_kept,
                    a_key_that_is_old_enough_can_be_used_again;
                paging:
                    lists_lose_and_repeat_nothing_while_rows_are_inserted,
                    definitions_lose_and_repeat_nothing_while_rows_are_inserted,
                    the_log_is_followed_without_a_gap_while_it_grows;
                following:
                    changes_tell_what_they_are_about,
                    a_follower_is_woken_by_another_process_and_again_after_a_pause,
                    followers_of_one_store_are_woken_all,
                    under_32_writers_of_two_processes_each_change_is_seen_once_in_order;
                indexed:
                    links_come_by_key_in_the_order_of_their_events,
                    an_event_comes_back_with_what_it_says,
                    an_event_that_comes_again_is_counted_and_not_recorded_again,
                    one_source_and_id_with_several_contents_are_told_apart,
                    a_batch_that_is_copied_says_the_same_as_one_that_is_not,
                    an_event_that_says_nothing_leaves_no_trace;
                runs:
                    a_run_is_found_by_all_its_names,
                    runs_are_listed_by_everything_that_they_are_listed_by,
                    runs_of_the_same_moment_are_listed_without_a_gap,
                    what_is_usual_is_told_from_runs_that_ended,
                    ids_and_pipelines_are_completed,
                    an_id_longer_than_an_index_takes_is_found;
                reindexing:
                    what_is_found_out_anew_is_what_was_there,
                    finding_out_anew_goes_on_where_it_ended_in_another_process,
                    events_that_come_meanwhile_are_looked_into_at_once,
                    two_processes_find_out_anew_together;
                processes:
                    an_event_that_two_processes_send_at_once_is_recorded_once,
                    runs_that_two_processes_write_at_once_are_summed_up_whole,
                    several_processes_write_at_once_and_nothing_is_lost_or_doubled,
                    a_definition_made_by_two_processes_at_once_is_made_once,
                    an_idempotency_key_used_by_two_processes_at_once_works_once,
                    a_new_database_can_be_opened_by_many_at_once;
            }
        }
    };
    (@cases $database:expr; $($module:ident: $($case:ident),+;)+) => {
        $(mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let Some(database) = crate::store::scene::There::there(($database)()) else {
                        return;
                    };
                    crate::store::$module::$case(crate::store::scene::Scene::new(database).await)
                        .await;
                }
            )+
        })+
    };
}

store_suite!(on_sqlite, crate::store::sqlite::open_sqlite);
store_suite!(
    on_sqlite_with_rollback_journal,
    crate::store::sqlite::open_sqlite_with_rollback_journal
);
store_suite!(on_postgres, crate::store::postgres::open_postgres);
